package ledger

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Users of the embedded server.
const (
	userDaemon = "daemon" // everything
	userAbuse  = "abuse"  // reads alerts

	// abusePrefix is what stands for $JS.API where the user abuse asks: see accounts.conf.
	abusePrefix = "lw.js"
)

// credentials are a user's name and password, in a file that is a context of the command nats:
// nats --context abuse.json sub 'lw.alert.>'. Only the daemon's user can read it.
type credentials struct {
	Description string `json:"description"`
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Prefix      string `json:"jetstream_api_prefix,omitempty"`
}

var errCredentials = errors.New("credentials of NATS user cannot be read; move the file away to have new ones made")

// loadCredentials reads a user's file, or makes it.
func loadCredentials(dir, user string) (credentials, error) {
	name := filepath.Join(dir, user+".json")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		c := credentials{Description: "linewarden: user " + user + " of the embedded server", User: user, Password: rand.Text()}
		if user == userAbuse {
			c.Prefix = abusePrefix
		}
		return c, c.write(dir)
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials of NATS user: %w", err)
	}
	var c credentials
	if err := json.Unmarshal(b, &c); err != nil || c.User != user || c.Password == "" {
		return credentials{}, fmt.Errorf("%s: %w", name, errCredentials)
	}
	return c, nil
}

// write makes the file whole or not at all.
func (c credentials) write(dir string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = writeSynced(dir, c.User+".json", append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write credentials of NATS user: %w", err)
	}
	return nil
}

func writeSynced(dir, name string, b []byte) error {
	f, err := os.CreateTemp(dir, name+".*.new") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		// COMMIT: before it the old file is there, or none; after it the new one.
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
