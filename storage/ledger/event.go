// Package ledger is the append-only record of what happened, on NATS JetStream: the state of everything else is the fold of
// its events. It also holds the embedded NATS server. What an event means is left to who appends it.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxEvent bounds an encoded event, in bytes. Events hold facts and hashes; what is heavy is in the vault.
const maxEvent = 64 << 10

// shards is the number of subjects of each kind. A subject per recording would cost the server about 0.9 GB of memory per
// million; with 256, optimistic concurrency still seldom hits a stranger.
const shards = 256

// Event is something that happened. It holds no personal data.
type Event struct {
	Type   string          `json:"type"`   // noun.verb: recording.stored
	ID     string          `json:"id"`     // of what it happened to
	At     time.Time       `json:"at"`     // by the clock of Node
	Actor  string          `json:"actor"`  // account that did it
	Node   string          `json:"node"`   // daemon that did it
	Config string          `json:"config"` // hash of the configuration in force
	Data   json.RawMessage `json:"data,omitempty"`

	Seq uint64 `json:"-"` // place in the ledger, from 1; set by Follow
}

var (
	eventType = regexp.MustCompile(`^([a-z]+)\.([a-z_]+)$`)
	eventID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// ErrEvent says that an event has not the form that the ledger takes.
var ErrEvent = errors.New("event has not the form of the ledger")

// Validate says what is wrong with an event.
func (e Event) Validate() error {
	switch {
	case !eventType.MatchString(e.Type):
		return fmt.Errorf("%w: type is not noun.verb", ErrEvent)
	case !eventID.MatchString(e.ID):
		return fmt.Errorf("%w: id is not 1 to 64 letters, digits, - and _", ErrEvent)
	case e.At.IsZero():
		return fmt.Errorf("%w: it has no time", ErrEvent)
	case e.Actor == "":
		return fmt.Errorf("%w: it has no actor", ErrEvent)
	}
	return nil
}

// encode gives the bytes that are stored.
func (e Event) encode() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if len(b) > maxEvent {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrEvent, len(b), maxEvent)
	}
	return b, nil
}

// decode reads what encode wrote.
func decode(b []byte) (Event, error) {
	var e Event
	if len(b) > maxEvent {
		return e, fmt.Errorf("%w: it has more than %d bytes", ErrEvent, maxEvent)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	return e, e.Validate()
}

// subject is where an event goes: lw.ledger.<kind>.<shard>.
func (e Event) subject() string {
	kind, _, _ := strings.Cut(e.Type, ".")
	return subjectPrefix + kind + "." + strconv.Itoa(shardOf(e.ID))
}

// shardOf spreads IDs over the shards by FNV-1a. It never changes: optimistic concurrency of two versions meets on it.
func shardOf(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id)) // never fails
	return int(h.Sum32() % shards)
}
