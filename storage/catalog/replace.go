package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace puts the file of another catalog, made beside this one, in the place of this one's. The other is closed; this one goes
// on with it, so whoever holds it need not know: queries that run are waited for, those that come meanwhile wait, for
// milliseconds. If Replace fails, this one goes on with its own file.
func (c *Catalog) Replace(by *Catalog) error {
	if err := by.settle(); err != nil {
		return fmt.Errorf("replace catalog: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.closeLocked()
	if err == nil {
		err = swap(by.path, c.path)
	}
	if err = errors.Join(err, c.open()); err != nil {
		return fmt.Errorf("replace catalog: %w", err)
	}
	return nil
}

// settle closes a catalog whose file then holds everything, with nothing left in the log.
func (c *Catalog) settle() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.read.Close(); err != nil {
		return err
	}
	var busy, pages, done int
	if err := c.write.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil {
		return because("empty log of catalog", err)
	}
	if busy != 0 {
		return errors.New("empty log of catalog: it is in use elsewhere")
	}
	return c.closeLocked()
}

// swap puts one closed catalog in the place of another. The other's log goes first: SQLite would play it into the new file.
func swap(from, to string) error {
	if err := errors.Join(removeLog(from), removeLog(to)); err != nil {
		return err
	}
	// COMMIT: before the rename the old catalog is in use after a crash, after it the new one. Both are true, one is older.
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
