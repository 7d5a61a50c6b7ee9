package catalog

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// maxResults bounds every list.
const maxResults = 1000

// newestFirst is the order of what is found. An ID tells apart those that started in the same millisecond.
const newestFirst = " ORDER BY started DESC, id DESC LIMIT ?"

// Query asks for recordings. Empty fields ask for nothing.
type Query struct {
	Caller, Callee string // numbers
	State, Route   string
	From, To       time.Time // started at or after, and before
	Limit          int       // 0 or more than 1,000: 1,000
	Before         string    // ID: only what comes after this recording, for the next page
}

// Recording is the recording with an ID, or ErrNotFound.
func (c *Catalog) Recording(ctx context.Context, id string) (Recording, error) {
	found, err := c.recordings(ctx, " WHERE id = ?", id)
	if err != nil {
		return Recording{}, err
	}
	if len(found) == 0 {
		return Recording{}, ErrNotFound
	}
	return found[0], nil
}

const byTicket = " WHERE id IN (SELECT recording FROM links WHERE ticket = ?)" + newestFirst

// ByTicket lists the recordings of a ticket, newest first: the first 1,000.
func (c *Catalog) ByTicket(ctx context.Context, ticket string) ([]Recording, error) {
	return c.recordings(ctx, byTicket, ticket, maxResults)
}

const withoutDetails = " WHERE detailed = 0 ORDER BY id LIMIT ?"

// WithoutDetails lists recordings whose manifest was not read yet, oldest first.
func (c *Catalog) WithoutDetails(ctx context.Context, limit int) ([]Recording, error) {
	return c.recordings(ctx, withoutDetails, limit)
}

// Search lists recordings that match a query, newest first. A Before that is no recording is ErrNotFound.
func (c *Catalog) Search(ctx context.Context, q Query) ([]Recording, error) {
	before := int64(0)
	if q.Before != "" {
		last, err := c.Recording(ctx, q.Before)
		if err != nil {
			return nil, err
		}
		before = fromTime(last.StartedAt)
	}
	query, args := q.sql(before)
	return c.recordings(ctx, query, args...)
}

// sql is a query as SQLite takes it; before is when the recording Before started.
func (q Query) sql(before int64) (string, []any) {
	var where []string
	var args []any
	add := func(condition string, arg ...any) {
		where, args = append(where, condition), append(args, arg...)
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
		add("(started, id) < (?, ?)", before, q.Before)
	}
	query := ""
	if len(where) > 0 {
		query = " WHERE " + strings.Join(where, " AND ")
	}
	limit := q.Limit
	if limit <= 0 || limit > maxResults {
		limit = maxResults
	}
	return query + newestFirst, append(args, limit)
}

// recordings lists those that a clause picks, with their links: in one statement, so that both are of the same moment.
func (c *Catalog) recordings(ctx context.Context, clause string, args ...any) ([]Recording, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, err := list(ctx, c.read, scanRecording, "SELECT "+recordingColumns+" FROM recordings"+clause, args...)
	return found, because("search recordings", err)
}

// Tokens lists every token, oldest first.
func (c *Catalog) Tokens(ctx context.Context) ([]Token, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tokens, err := list(ctx, c.read, scanToken, "SELECT "+tokenColumns+" FROM tokens ORDER BY created, id")
	return tokens, because("list tokens", err)
}

const tokenByHash = "SELECT " + tokenColumns + " FROM tokens WHERE hash = ?"

// TokenByHash is the token whose secret has a hash, or ErrNotFound.
func (c *Catalog) TokenByHash(ctx context.Context, hash string) (Token, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, err := list(ctx, c.read, scanToken, tokenByHash, hash)
	if err != nil {
		return Token{}, because("read token", err)
	}
	if len(found) == 0 {
		return Token{}, ErrNotFound
	}
	return found[0], nil
}

// list runs a query and scans its rows. It gives an empty list rather than none.
func list[T any](ctx context.Context, from *pool, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	stmt, err := from.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
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
