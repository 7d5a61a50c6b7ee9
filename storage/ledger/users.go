package ledger

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"
)

// Users of the embedded server.
const (
	userDaemon = "daemon" // everything
	userAbuse  = "abuse"  // reads alerts
	usersFile  = "users.json"
)

// users holds the passwords. They are made once and kept in a file that only the daemon's user can read.
type users struct {
	Daemon string `json:"daemon"`
	Abuse  string `json:"abuse"`
}

func loadUsers(dir string) (users, error) {
	name := filepath.Join(dir, usersFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeUsers(dir, name)
	}
	if err != nil {
		return users{}, fmt.Errorf("read NATS users: %w", err)
	}
	var u users
	if err := json.Unmarshal(b, &u); err != nil || u.Daemon == "" || u.Abuse == "" {
		return users{}, fmt.Errorf("%s: %w", name, errUsers)
	}
	return u, nil
}

func makeUsers(dir, name string) (users, error) {
	u := users{Daemon: rand.Text(), Abuse: rand.Text()}
	b, err := json.Marshal(u)
	if err != nil {
		return users{}, fmt.Errorf("make NATS users: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return users{}, fmt.Errorf("make NATS users: %w", err)
	}
	if err := writeSynced(name, b); err != nil {
		return users{}, fmt.Errorf("make NATS users: %w", err)
	}
	return u, nil
}

// writeSynced writes a file that is whole or not there.
func writeSynced(name string, b []byte) error {
	tmp := name + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// options are the users as the server takes them, with hashes for passwords. The passwords are random and long, so a cheap
// hash is as good as a dear one. Who reads alerts may not publish, nor read anything else: not even inboxes,
// through which the answers to the daemon pass.
func (u users) options() ([]*server.User, error) {
	daemon, errD := bcrypt.GenerateFromPassword([]byte(u.Daemon), bcrypt.MinCost)
	abuse, errA := bcrypt.GenerateFromPassword([]byte(u.Abuse), bcrypt.MinCost)
	if err := errors.Join(errD, errA); err != nil {
		return nil, fmt.Errorf("hash NATS passwords: %w", err)
	}
	return []*server.User{
		{Username: userDaemon, Password: string(daemon)},
		{Username: userAbuse, Password: string(abuse), Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{">"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"lw.alert.>"}},
		}},
	}, nil
}
