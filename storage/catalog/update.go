package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// What events do. A row that is there already stays as it is: the ledger's first word counts.
const (
	putRecording = `INSERT INTO recordings (id, state, started, ended, duration, channels, node, trunk, direction, route,
		controller, residency, purposes, expires, minimum, class, caller_hash, callee_hash, interrupted, parts)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`
	putLink     = "INSERT INTO links (recording, ticket, source, at, actor) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING"
	deleteLink  = "DELETE FROM links WHERE ticket = ? AND recording = ?"
	countPlay   = "UPDATE recordings SET plays = plays + 1, played = max(played, ?) WHERE id = ?"
	putToken    = "INSERT INTO tokens (" + tokenColumns + ") VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
	revokeToken = "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0"
	setPosition = "UPDATE position SET seq = ?"
)

// changes are prepared when the catalog is opened: in a transaction, which has the one connection, it is too late.
var changes = []string{putRecording, putLink, deleteLink, countPlay, putToken, revokeToken, setPosition}

// Tx is a transaction of Update. It is for the function that got it only.
type Tx struct {
	ctx  context.Context
	tx   *sql.Tx
	pool *pool
}

// Update makes changes and moves the position to seq, both or neither. A seq that is folded already changes nothing, and fn
// is not called. fn must not call the catalog's own methods: they may wait for its end.
func (c *Catalog) Update(ctx context.Context, seq uint64, fn func(*Tx) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return because("begin update of catalog", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	position, err := readPosition(ctx, tx)
	if err != nil {
		return err
	}
	if seq <= position {
		c.advance(position) // it may be that a commit was taken for failed
		return nil
	}
	t := &Tx{ctx: ctx, tx: tx, pool: c.write}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.exec("move position of catalog", setPosition, int64(seq)); err != nil {
		return err
	}
	// COMMIT: the events up to seq are folded, and the position says so; before it neither is the case.
	if err := tx.Commit(); err != nil {
		return because("commit update of catalog", err)
	}
	c.advance(seq)
	return nil
}

// exec runs one of the changes.
func (t *Tx) exec(what, change string, args ...any) error {
	stmt, err := t.pool.statement(t.ctx, change)
	if err == nil {
		_, err = t.tx.StmtContext(t.ctx, stmt).ExecContext(t.ctx, args...)
	}
	return because(what, err)
}

// PutRecording writes a recording's facts.
func (t *Tx) PutRecording(r Recording) error {
	purposes, err := encode(r.Purposes)
	if err != nil {
		return err
	}
	parts, err := encode(r.Parts)
	if err != nil {
		return err
	}
	return t.exec("put recording", putRecording,
		r.ID, r.State, fromTime(r.StartedAt), fromTime(r.EndedAt), r.DurationMS, r.Channels, r.Node, r.Trunk, r.Direction, r.Route,
		r.Controller, r.Residency, purposes, fromTime(r.Expires), fromTime(r.Minimum), r.Class, r.CallerHash, r.CalleeHash,
		r.Interrupted, parts)
}

// encode writes a list as JSON; none is an empty one.
func encode[T any](list []T) (string, error) {
	if list == nil {
		return "[]", nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode list: %w", err)
	}
	return string(b), nil
}

// PutLink ties a recording to a ticket.
func (t *Tx) PutLink(l Link) error {
	return t.exec("put link", putLink, l.Recording, l.Ticket, l.Source, fromTime(l.At), l.Actor)
}

// DeleteLink unties them.
func (t *Tx) DeleteLink(recording, ticket string) error {
	return t.exec("delete link", deleteLink, ticket, recording)
}

// CountPlay counts that a recording was handed out.
func (t *Tx) CountPlay(id string, at time.Time) error {
	return t.exec("count play", countPlay, fromTime(at), id)
}

// PutToken writes a token.
func (t *Tx) PutToken(k Token) error {
	return t.exec("put token", putToken,
		k.ID, k.Name, k.Role, k.Hash, fromTime(k.CreatedAt), fromTime(k.ExpiresAt), fromTime(k.RevokedAt), k.CreatedBy)
}

// RevokeToken makes a token worthless, from the first time on.
func (t *Tx) RevokeToken(id string, at time.Time) error {
	return t.exec("revoke token", revokeToken, fromTime(at), id)
}

// SetDetails writes what the manifest says of a recording, or returns ErrNotFound.
func (c *Catalog) SetDetails(ctx context.Context, id string, d Details) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	res, err := c.write.ExecContext(ctx, `UPDATE recordings SET detailed = 1, caller = ?, callee = ?, caller_name = ?, callee_name = ?,
		sip_call_id = ?, session_id = ?, loss = ? WHERE id = ?`,
		d.Caller, d.Callee, d.CallerName, d.CalleeName, d.SIPCallID, d.SessionID, d.Loss, id)
	if err != nil {
		return because("set details", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}
