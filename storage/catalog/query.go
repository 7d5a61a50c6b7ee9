package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxResults bounds every list.
const maxResults = 1000

// Query asks for recordings. Empty fields ask for nothing.
type Query struct {
	Caller, Callee string // numbers
	State, Route   string
	From, To       time.Time // started at or after, and before
	Limit          int       // 0 or more than 1,000: 1,000
	Before         string    // ID: only recordings older than this one, for the next page
}

// Recording is the recording with an ID, or ErrNotFound.
func (c *Catalog) Recording(ctx context.Context, id string) (Recording, error) {
	found, err := c.recordings(ctx, "SELECT "+recordingColumns+" FROM recordings WHERE id = ?", id)
	if err != nil {
		return Recording{}, err
	}
	if len(found) == 0 {
		return Recording{}, ErrNotFound
	}
	return found[0], nil
}

const byTicket = "SELECT " + recordingColumns + " FROM recordings WHERE id IN (SELECT recording FROM links WHERE ticket = ?) ORDER BY id DESC LIMIT 1000"

// ByTicket lists the recordings of a ticket, newest first.
func (c *Catalog) ByTicket(ctx context.Context, ticket string) ([]Recording, error) {
	return c.recordings(ctx, byTicket, ticket)
}

// WithoutDetails lists recordings whose manifest was not read yet, oldest first.
func (c *Catalog) WithoutDetails(ctx context.Context, limit int) ([]Recording, error) {
	return c.recordings(ctx, "SELECT "+recordingColumns+" FROM recordings WHERE detailed = 0 ORDER BY id LIMIT ?", limit)
}

// Search lists recordings that match a query, newest first.
func (c *Catalog) Search(ctx context.Context, q Query) ([]Recording, error) {
	query, args := q.sql()
	return c.recordings(ctx, query, args...)
}

func (q Query) sql() (string, []any) {
	var where []string
	var args []any
	add := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	if q.Caller != "" {
		add("caller <> '' AND caller = ?", q.Caller) // the index holds no empty ones
	}
	if q.Callee != "" {
		add("callee <> '' AND callee = ?", q.Callee)
	}
	if q.State != "" {
		add("state = ?", q.State)
	}
	if q.Route != "" {
		add("route = ?", q.Route)
	}
	if !q.From.IsZero() {
		add("started >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("started < ?", q.To.UnixMilli())
	}
	if q.Before != "" {
		add("id < ?", q.Before)
	}
	query := "SELECT " + recordingColumns + " FROM recordings"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	limit := q.Limit
	if limit <= 0 || limit > maxResults {
		limit = maxResults
	}
	return query + " ORDER BY id DESC LIMIT ?", append(args, limit)
}

// recordings runs a query for recordings and adds their links.
func (c *Catalog) recordings(ctx context.Context, query string, args ...any) ([]Recording, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, err := list(ctx, c.read, scanRecording, query, args...)
	if err != nil {
		return nil, fmt.Errorf("search recordings: %w", err)
	}
	for i := range found {
		links, err := list(ctx, c.read, scanLink, "SELECT "+linkColumns+" FROM links WHERE recording = ? ORDER BY at, ticket", found[i].ID)
		if err != nil {
			return nil, fmt.Errorf("read links: %w", err)
		}
		found[i].Tickets = links
	}
	return found, nil
}

// Tokens lists every token, oldest first.
func (c *Catalog) Tokens(ctx context.Context) ([]Token, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tokens, err := list(ctx, c.read, scanToken, "SELECT "+tokenColumns+" FROM tokens ORDER BY created, id")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// TokenByHash is the token whose secret has a hash, or ErrNotFound.
func (c *Catalog) TokenByHash(ctx context.Context, hash string) (Token, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, err := scanToken(c.read.QueryRowContext(ctx, "SELECT "+tokenColumns+" FROM tokens WHERE hash = ?", hash))
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, ErrNotFound
	}
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	return t, nil
}

// Dump writes every row of every table in a fixed order, so that two catalogs can be compared.
func (c *Catalog) Dump(ctx context.Context, w io.Writer) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, table := range []struct{ name, order string }{
		{"recordings", "id"}, {"links", "ticket, recording"}, {"tokens", "id"}, {"position", "seq"},
	} {
		if err := c.dumpTable(ctx, w, table.name, table.order); err != nil {
			return fmt.Errorf("dump %s: %w", table.name, err)
		}
	}
	return nil
}

func (c *Catalog) dumpTable(ctx context.Context, w io.Writer, table, order string) error {
	rows, err := c.read.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY "+order)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s %q\n", table, values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list runs a query and scans its rows. It gives an empty list rather than none.
func list[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rows.Err()
}
