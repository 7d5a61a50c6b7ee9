package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

const (
	// busyTimeout is how long, in milliseconds, a connection waits for another's lock.
	busyTimeout = 10_000
	// logLimit is how long, in bytes, the write-ahead log may stay after a large transaction.
	logLimit = 16 << 20
	// idleTime is how long a reader keeps its cache, about 2 MB, without being used.
	idleTime = 5 * time.Minute
)

// pool is some connections to the file, and statements for them. These are prepared once, since to understand one costs
// SQLite more than to run it. There are as many as ways to search: a few hundred at most.
type pool struct {
	*sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // Guarded by mu. By their text.
}

// connect opens a pool. Every transaction waits for the disk: what the ledger said is folded once.
func connect(path string, connections int, more string) (*pool, error) {
	file := url.URL{Path: path}
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"+
		"&_pragma=journal_size_limit(%d)%s", file.EscapedPath(), busyTimeout, logLimit, more))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &pool{DB: db, prepared: map[string]*sql.Stmt{}}, nil
}

// statement is the prepared statement for a query.
func (p *pool) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	stmt := p.prepared[query]
	p.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	made, err := p.PrepareContext(ctx, query) // waits for a connection
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if stmt := p.prepared[query]; stmt != nil {
		return stmt, made.Close()
	}
	p.prepared[query] = made
	return made, nil
}

// Close closes the statements and the connections.
func (p *pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, stmt := range p.prepared {
		errs = append(errs, stmt.Close())
	}
	clear(p.prepared)
	return errors.Join(append(errs, p.DB.Close())...)
}
