// Package catalog is the index that is searched: recordings by ticket, number and time, links, tokens. It is a cache: what
// it holds is folded from the ledger and read from the vault, and it can be rebuilt at will. What an event
// does to it is left to package storage.
package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	// schemaVersion is in the file's user_version. A file of another version is set aside: it can be rebuilt.
	schemaVersion = 1
	// readers is how many queries may run at once beside the one writer.
	readers = 4
	// busyTimeout is how long, in milliseconds, a connection waits for another's lock.
	busyTimeout = 10_000
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not in the catalog")

// Catalog is an open catalog. Its methods may be called from any goroutine.
type Catalog struct {
	path     string
	setAside string

	mu sync.RWMutex // read-locked while a query runs, locked while the file is replaced
	// Guarded by mu.
	write *sql.DB // one connection
	read  *sql.DB

	posMu sync.Mutex
	// Guarded by posMu.
	position uint64
	moved    chan struct{} // closed and replaced when position moves
}

// Open opens or creates a catalog. A file that is damaged or of another version is set aside, and an empty catalog
// takes its place: see SetAside.
func Open(path string) (*Catalog, error) {
	c := &Catalog{path: path, moved: make(chan struct{})}
	err := c.open()
	if err != nil {
		if c.setAside, err = moveAside(path, err); err != nil {
			return nil, err
		}
		err = c.open()
	}
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return c, nil
}

// SetAside is where Open has put a file it could not use; "" when there was none.
func (c *Catalog) SetAside() string { return c.setAside }

// Path is the catalog's file.
func (c *Catalog) Path() string { return c.path }

// moveAside renames a catalog that cannot be opened, for a person to look at.
func moveAside(path string, cause error) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("open catalog: %w", cause)
	}
	aside := fmt.Sprintf("%s.corrupt-%s", path, time.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set damaged catalog aside: %w", err)
	}
	return aside, removeLog(path)
}

// removeLog deletes what SQLite keeps beside its file.
func removeLog(path string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove log of catalog: %w", err)
		}
	}
	return nil
}

// open connects to the file and brings its schema up.
func (c *Catalog) open() (err error) {
	if c.write, err = sql.Open("sqlite", source(c.path, "&_txlock=immediate")); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	if err = migrate(c.write); err == nil {
		c.position, err = readPosition(context.Background(), c.write)
	}
	if err == nil {
		c.read, err = sql.Open("sqlite", source(c.path, "&_pragma=query_only(1)"))
	}
	if err != nil {
		c.write.Close()
		return err
	}
	c.read.SetMaxOpenConns(readers)
	return nil
}

// source names the file to the driver. Every transaction waits for the disk: what the ledger said is folded once.
func source(path, more string) string {
	file := url.URL{Path: path}
	return fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)%s",
		file.EscapedPath(), busyTimeout, more)
}

// Close closes the catalog.
func (c *Catalog) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeLocked()
}

func (c *Catalog) closeLocked() error {
	if err := errors.Join(c.read.Close(), c.write.Close()); err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}

// Replace puts the file of another catalog, made beside this one, in the place of this one's. The other is closed; this one goes
// on with it, so whoever holds it need not know.
func (c *Catalog) Replace(by *Catalog) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := by.Close(); err != nil {
		return err
	}
	if err := c.closeLocked(); err != nil {
		return err
	}
	if err := errors.Join(removeLog(by.path), removeLog(c.path)); err != nil {
		return err
	}
	// COMMIT: before the rename the old catalog is in use after a crash, after it the new one. Both are true, one is older.
	if err := os.Rename(by.path, c.path); err != nil {
		return fmt.Errorf("replace catalog: %w", err)
	}
	if err := syncDir(filepath.Dir(c.path)); err != nil {
		return fmt.Errorf("replace catalog: %w", err)
	}
	c.posMu.Lock()
	defer c.posMu.Unlock()
	if err := c.open(); err != nil {
		return fmt.Errorf("open replaced catalog: %w", err)
	}
	c.wakeLocked()
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Position is the ledger sequence up to which the catalog is folded.
func (c *Catalog) Position(context.Context) (uint64, error) {
	c.posMu.Lock()
	defer c.posMu.Unlock()
	return c.position, nil
}

// Wait returns when the catalog is folded up to seq, or with ctx.Err().
func (c *Catalog) Wait(ctx context.Context, seq uint64) error {
	for {
		c.posMu.Lock()
		reached, moved := c.position >= seq, c.moved
		c.posMu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// wakeLocked wakes those who wait for the position; the caller holds posMu.
func (c *Catalog) wakeLocked() {
	close(c.moved)
	c.moved = make(chan struct{})
}
