package catalog

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Recording is a row about a recording. A zero time means none.
type Recording struct {
	ID          string
	State       string
	StartedAt   time.Time
	EndedAt     time.Time
	DurationMS  int64
	Channels    int
	Node        string
	Trunk       string
	Direction   string
	Route       string
	Controller  string
	Residency   string
	Purposes    []string
	Expires     time.Time
	Minimum     time.Time
	Class       string
	CallerHash  string
	CalleeHash  string
	Interrupted bool
	Parts       []Part

	// Set by reads.
	Plays   int64
	Tickets []Link
	Details *Details // nil when the manifest was not read
}

// Part is an object of a recording. Sizes are in bytes, hashes in hex.
type Part struct {
	Name         string `json:"name"`
	Key          string `json:"key"`
	Version      string `json:"version,omitempty"`
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256"`
	StoredSize   int64  `json:"stored_size"`
	StoredSHA256 string `json:"stored_sha256"`
}

// Details are what only the manifest says.
type Details struct {
	Caller, Callee         string // numbers
	CallerName, CalleeName string
	SIPCallID, SessionID   string
	Loss                   float64 // share of packets lost, 0 to 1
}

// Link ties a recording to a ticket.
type Link struct {
	Recording string
	Ticket    string
	Source    string
	At        time.Time
	Actor     string
}

// Token is an access token; its secret is known to its owner alone.
type Token struct {
	ID, Name, Role string
	Hash           string // SHA-256 of the secret, hex
	CreatedAt      time.Time
	ExpiresAt      time.Time
	RevokedAt      time.Time
	CreatedBy      string
}

const recordingColumns = `id, state, started, ended, duration, channels, node, trunk, direction, route, controller, residency, purposes,
	expires, minimum, class, caller_hash, callee_hash, interrupted, parts, plays, detailed, caller, callee, caller_name, callee_name,
	sip_call_id, session_id, loss,
	(SELECT json_group_array(json_object('Ticket', ticket, 'Source', source, 'At', at, 'Actor', actor) ORDER BY at, ticket)
		FROM links WHERE recording = recordings.id)`

func scanRecording(row *sql.Rows) (Recording, error) {
	var r Recording
	var d Details
	var started, ended, expires, minimum int64
	var purposes, parts, links string
	var detailed bool
	err := row.Scan(&r.ID, &r.State, &started, &ended, &r.DurationMS, &r.Channels, &r.Node, &r.Trunk, &r.Direction, &r.Route,
		&r.Controller, &r.Residency, &purposes, &expires, &minimum, &r.Class, &r.CallerHash, &r.CalleeHash, &r.Interrupted, &parts,
		&r.Plays, &detailed, &d.Caller, &d.Callee, &d.CallerName, &d.CalleeName, &d.SIPCallID, &d.SessionID, &d.Loss, &links)
	if err != nil {
		return r, err
	}
	r.StartedAt, r.EndedAt, r.Expires, r.Minimum = toTime(started), toTime(ended), toTime(expires), toTime(minimum)
	if detailed {
		r.Details = &d
	}
	err = errors.Join(json.Unmarshal([]byte(purposes), &r.Purposes), json.Unmarshal([]byte(parts), &r.Parts))
	if err != nil {
		return r, fmt.Errorf("%w: lists of %s: %w", ErrDamaged, r.ID, err)
	}
	r.Tickets, err = linksOf(r.ID, links)
	return r, err
}

// linksOf reads a recording's links from the list that the query has made of them.
func linksOf(id, list string) ([]Link, error) {
	var rows []struct {
		Ticket, Source, Actor string
		At                    int64
	}
	if err := json.Unmarshal([]byte(list), &rows); err != nil {
		return nil, fmt.Errorf("read links of %s: %w", id, err)
	}
	links := make([]Link, len(rows))
	for i, l := range rows {
		links[i] = Link{Recording: id, Ticket: l.Ticket, Source: l.Source, At: toTime(l.At), Actor: l.Actor}
	}
	return links, nil
}

const tokenColumns = "id, name, role, hash, created, expires, revoked, created_by"

func scanToken(row *sql.Rows) (Token, error) {
	var t Token
	var created, expires, revoked int64
	err := row.Scan(&t.ID, &t.Name, &t.Role, &t.Hash, &created, &expires, &revoked, &t.CreatedBy)
	t.CreatedAt, t.ExpiresAt, t.RevokedAt = toTime(created), toTime(expires), toTime(revoked)
	return t, err
}

func toTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func fromTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
