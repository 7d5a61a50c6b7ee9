// Package catalog is the index that is searched: recordings by ticket, number and time, links, tokens. It is a cache: what
// it holds is folded from the ledger and read from the vault, and it can be rebuilt at will. What an event
// does to it is left to package storage.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	// schemaVersion is in the file's user_version. A file of another version is deleted: it can be rebuilt.
	schemaVersion = 1
	// readers is how many queries may run at once beside the one writer.
	readers = 4
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not in the catalog")

// Catalog is an open catalog. Its methods may be called from any goroutine.
type Catalog struct {
	path     string
	setAside string

	mu sync.RWMutex // read-locked while a query runs, locked while the file is replaced
	// Guarded by mu.
	write *pool // one connection
	read  *pool

	posMu sync.Mutex
	// Guarded by posMu.
	position uint64
	moved    chan struct{} // closed and replaced when position moves
}

// Open opens or creates a catalog. An empty one, at position 0, takes the place of a file that cannot be used: one that is
// damaged is set aside (see SetAside), one of another version is deleted. Whatever else keeps the file from being
// opened is an error, and leaves it alone.
func Open(path string) (*Catalog, error) {
	c := &Catalog{path: path, moved: make(chan struct{})}
	err := c.open()
	switch {
	case errors.Is(err, ErrDamaged):
		if c.setAside, err = moveAside(path); err == nil {
			err = c.open()
		}
	case errors.Is(err, errVersion):
		if err = remove(path); err == nil {
			err = c.open()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return c, nil
}

// SetAside is where Open has put a damaged file; "" when there was none.
func (c *Catalog) SetAside() string { return c.setAside }

// Path is the catalog's file.
func (c *Catalog) Path() string { return c.path }

// open connects to the file and brings its schema up.
func (c *Catalog) open() (err error) {
	if err := create(c.path); err != nil {
		return err
	}
	if c.write, err = connect(c.path, 1, "&_txlock=immediate&_pragma=secure_delete(1)"); err != nil {
		return err
	}
	var position uint64
	if err = migrate(c.write.DB); err == nil {
		position, err = readPosition(context.Background(), c.write)
	}
	for _, query := range changes {
		if err == nil {
			_, err = c.write.statement(context.Background(), query)
		}
	}
	if err == nil {
		c.read, err = connect(c.path, readers, "&_pragma=query_only(1)")
	}
	if err != nil {
		return errors.Join(err, c.write.Close())
	}
	c.read.SetConnMaxIdleTime(idleTime)
	c.posMu.Lock()
	defer c.posMu.Unlock()
	c.setLocked(position)
	return nil
}

// create makes the file if there is none: SQLite would let others read it, and it holds numbers and names.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
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

// advance moves the position on, never back: who has committed first may come here last.
func (c *Catalog) advance(seq uint64) {
	c.posMu.Lock()
	defer c.posMu.Unlock()
	c.setLocked(max(c.position, seq))
}

// setLocked sets the position and wakes those who wait for it; the caller holds posMu.
func (c *Catalog) setLocked(seq uint64) {
	c.position = seq
	close(c.moved)
	c.moved = make(chan struct{})
}
