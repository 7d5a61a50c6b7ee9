package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"linewarden/storage/ledger"
)

// Types of the ledger's events that the archive appends and folds. ID is the recording's or the token's.
const (
	eventStored   = "recording.stored"
	eventLinked   = "recording.linked"
	eventUnlinked = "recording.unlinked"
	eventPlayed   = "recording.played"
	eventToken    = "token.created"
	eventRevoked  = "token.revoked"
)

// ActorSignalling is the actor of what the archive does on its own: nobody asked for it but the call's signalling.
const ActorSignalling = "signalling"

// recordingStored are the facts of a recording that name no person, and where its parts are.
type recordingStored struct {
	Kind        string       `json:"kind"`
	StartedAt   time.Time    `json:"started_at"`
	EndedAt     time.Time    `json:"ended_at"`
	DurationMS  int64        `json:"duration_ms"`
	Channels    int          `json:"channels"`
	Interrupted bool         `json:"interrupted,omitempty"`
	Node        string       `json:"node"`               // that captured it
	Software    string       `json:"software,omitempty"` // that stored it
	Trunk       string       `json:"trunk,omitempty"`
	Direction   string       `json:"direction,omitempty"`
	Route       string       `json:"route,omitempty"`
	Controller  string       `json:"controller,omitempty"`
	Residency   string       `json:"residency,omitempty"`
	Purposes    []string     `json:"purposes,omitempty"`
	Class       string       `json:"class"`
	Expires     time.Time    `json:"expires,omitzero"`
	Minimum     time.Time    `json:"minimum,omitzero"`
	Compliance  bool         `json:"compliance,omitempty"`
	CallerHash  string       `json:"caller_hash,omitempty"`
	CalleeHash  string       `json:"callee_hash,omitempty"`
	Parts       []storedPart `json:"parts"`
}

// storedPart is one object. Sizes are in bytes, hashes in hex.
type storedPart struct {
	Name         string `json:"name"`
	Key          string `json:"key"`
	Version      string `json:"version,omitempty"`
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256,omitempty"`
	StoredSize   int64  `json:"stored_size"`
	StoredSHA256 string `json:"stored_sha256"`
}

type recordingLinked struct {
	Ticket string `json:"ticket"`
	Source string `json:"source,omitempty"`
}

type recordingUnlinked struct {
	Ticket string `json:"ticket"`
}

type recordingPlayed struct {
	Part   string `json:"part"`
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
	Range  string `json:"range,omitempty"`
}

type tokenCreated struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Hash      string    `json:"hash"` // SHA-256 of the secret, hex
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// append writes an event into the ledger. It is durable when append returns; after an error it may be there all the same.
func (a *Archive) append(ctx context.Context, typ, id, actor string, data any) (uint64, error) {
	ev := ledger.Event{Type: typ, ID: id, At: a.now().UTC(), Actor: actor, Node: a.c.Node, Config: a.c.ConfigHash}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return 0, fmt.Errorf("encode %s: %w", typ, err)
		}
		ev.Data = raw
	}
	position, err := a.catalog.Position(ctx)
	if err != nil {
		return 0, fmt.Errorf("read position: %w", err)
	}
	seq, err := a.ledger.Append(ctx, ev)
	if err == nil && seq <= position { // folded before it was appended
		err = errForeign
	}
	if err != nil {
		return 0, fmt.Errorf("append %s: %w", typ, err)
	}
	return seq, nil
}
