// Package catalog is the index that is searched: recordings by ticket, number and time, links, tokens. It is a cache: what
// it holds is folded from the ledger and read from the vault, and it can be rebuilt at will. What an event
// does to it is left to package storage.
package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	// schemaVersion is in the file's user_version. A file of another version is deleted: it can be rebuilt.
	schemaVersion = 1
	// readers is how many queries may run at once beside the one writer.
	readers = 4
	// busyTimeout is how long, in milliseconds, a connection waits for another's lock.
	busyTimeout = 10_000
	// logLimit is how long, in bytes, the write-ahead log may stay after a large transaction.
	logLimit = 16 << 20
	// idleTime is how long a reader keeps its cache, about 2 MB, without being used.
	idleTime = 5 * time.Minute
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
	if c.write, err = sql.Open("sqlite", source(c.path, "&_txlock=immediate&_pragma=secure_delete(1)")); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	var position uint64
	if err = migrate(c.write); err == nil {
		position, err = readPosition(context.Background(), c.write)
	}
	if err == nil {
		c.read, err = sql.Open("sqlite", source(c.path, "&_pragma=query_only(1)"))
	}
	if err != nil {
		return errors.Join(err, c.write.Close())
	}
	c.read.SetMaxOpenConns(readers)
	c.read.SetMaxIdleConns(readers)
	c.read.SetConnMaxIdleTime(idleTime)
	c.move(position)
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

// source names the file to the driver. Every transaction waits for the disk: what the ledger said is folded once. The log is
// cut down to logLimit when it was longer.
func source(path, more string) string {
	file := url.URL{Path: path}
	return fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=journal_size_limit(%d)%s",
		file.EscapedPath(), busyTimeout, logLimit, more)
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

// move sets the position and wakes those who wait for it.
func (c *Catalog) move(seq uint64) {
	c.posMu.Lock()
	defer c.posMu.Unlock()
	c.position = seq
	close(c.moved)
	c.moved = make(chan struct{})
}
