package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"linewarden/storage"
)

// keyFiles say where the keys of the archive are. What the configuration does not name is made once, in Dir.
type keyFiles struct {
	Dir       string
	Recipient string // "": made
	Identity  string // "" with a Recipient: this daemon cannot read
	Pseudonym string // "": made
}

// pseudonymKeyBytes is the length of a key that is made.
const pseudonymKeyBytes = 32

// loadKeys reads the keys into the archive's configuration.
func loadKeys(k keyFiles, c *storage.Config) error {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return fmt.Errorf("create folder of keys: %w", err)
	}
	if k.Recipient == "" {
		k.Recipient, k.Identity = filepath.Join(k.Dir, "controller.pub"), filepath.Join(k.Dir, "controller.key")
		if err := makeOnce(k.Identity, func() ([]byte, error) {
			identity, recipient, err := storage.GenerateIdentity()
			if err != nil {
				return nil, err
			}
			return []byte(identity + "\n"), writeSynced(k.Recipient, []byte(recipient+"\n"))
		}); err != nil {
			return fmt.Errorf("make controller's key: %w", err)
		}
	}
	if k.Pseudonym == "" {
		k.Pseudonym = filepath.Join(k.Dir, "pseudonym.key")
		if err := makeOnce(k.Pseudonym, func() ([]byte, error) {
			b := make([]byte, pseudonymKeyBytes)
			_, err := rand.Read(b)
			return b, err
		}); err != nil {
			return fmt.Errorf("make pseudonym key: %w", err)
		}
	}
	recipient, errR := os.ReadFile(k.Recipient)
	pseudonym, errP := os.ReadFile(k.Pseudonym)
	var identity []byte
	var errI error
	if k.Identity != "" {
		identity, errI = os.ReadFile(k.Identity)
	}
	if err := errors.Join(errR, errI, errP); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	c.Recipient, c.Identity, c.PseudonymKey = string(recipient), string(identity), pseudonym
	return nil
}

// makeOnce writes a file that is not there yet.
func makeOnce(name string, content func() ([]byte, error)) error {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := content()
	if err != nil {
		return err
	}
	return writeSynced(name, b)
}

// writeSynced writes a file that only we can read, and that is whole or not there: a key that is lost takes all that was
// encrypted to it along.
func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// COMMIT: the key is there after this line, and is never made again.
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
