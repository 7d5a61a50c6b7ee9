package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeSynced writes a file that must not exist yet, and syncs it. Its name is durable when its folder is synced.
func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replaceSynced puts data where name is, whole or not at all: temporary file, sync, rename. The new name is durable when
// the folder is synced.
func replaceSynced(name string, data []byte) error {
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := os.RemoveAll(temp); err != nil { // left by a crash
		return err
	}
	if err := writeSynced(temp, data); err != nil {
		os.Remove(temp)
		return err
	}
	return os.Rename(temp, name)
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
