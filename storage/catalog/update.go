package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Tx is a transaction of Update. It is for the function that got it only.
type Tx struct {
	ctx context.Context
	tx  *sql.Tx
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
		c.move(position) // it may be that a commit was taken for failed
		return nil
	}
	if err := fn(&Tx{ctx: ctx, tx: tx}); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE position SET seq = ?", int64(seq)); err != nil {
		return because("move position of catalog", err)
	}
	// COMMIT: the events up to seq are folded, and the position says so; before it neither is the case.
	if err := tx.Commit(); err != nil {
		return because("commit update of catalog", err)
	}
	c.move(seq)
	return nil
}

func (t *Tx) exec(what, query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, query, args...)
	return because(what, err)
}

// PutRecording writes a recording's facts. One that is there already stays as it is: the ledger's first word counts.
func (t *Tx) PutRecording(r Recording) error {
	purposes, err := encode(r.Purposes)
	if err != nil {
		return err
	}
	parts, err := encode(r.Parts)
	if err != nil {
		return err
	}
	return t.exec("put recording", `INSERT INTO recordings (id, state, started, ended, duration, channels, node, trunk, direction, route,
		controller, residency, purposes, expires, minimum, class, caller_hash, callee_hash, interrupted, parts)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT DO NOTHING`,
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

// PutLink ties a recording to a ticket. A link that is there already stays as it is.
func (t *Tx) PutLink(l Link) error {
	return t.exec("put link", "INSERT INTO links ("+linkColumns+") VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
		l.Recording, l.Ticket, l.Source, fromTime(l.At), l.Actor)
}

// DeleteLink unties them.
func (t *Tx) DeleteLink(recording, ticket string) error {
	return t.exec("delete link", "DELETE FROM links WHERE ticket = ? AND recording = ?", ticket, recording)
}

// CountPlay counts that a recording was handed out.
func (t *Tx) CountPlay(id string, at time.Time) error {
	return t.exec("count play", "UPDATE recordings SET plays = plays + 1, played = max(played, ?) WHERE id = ?", fromTime(at), id)
}

// PutToken writes a token. One that is there already stays as it is.
func (t *Tx) PutToken(k Token) error {
	return t.exec("put token", "INSERT INTO tokens ("+tokenColumns+") VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
		k.ID, k.Name, k.Role, k.Hash, fromTime(k.CreatedAt), fromTime(k.ExpiresAt), fromTime(k.RevokedAt), k.CreatedBy)
}

// RevokeToken makes a token worthless, from the first time on.
func (t *Tx) RevokeToken(id string, at time.Time) error {
	return t.exec("revoke token", "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0", fromTime(at), id)
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
