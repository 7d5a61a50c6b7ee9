// Package ledger is the append-only record of what happened, on NATS JetStream: the state of everything else is the fold of
// its events. It also holds the embedded NATS server. What an event means is left to who appends it.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxEvent bounds an encoded event, in bytes. Events hold facts and hashes; what is heavy is in the vault.
	maxEvent = 64 << 10
	// maxWord bounds actor, node, config and key, in bytes.
	maxWord = 256
	// maxData bounds the data, in bytes: what is left of maxEvent when every other field is as long as it may be.
	maxData = maxEvent - 2<<10
	// shards is the number of subjects of each kind. A subject per recording would cost the server about 0.9 GB of memory per
	// million; with 256, optimistic concurrency still seldom hits a stranger.
	shards = 256
)

// Event is something that happened. It holds no personal data.
//
// Its form in the stream is JSON with exactly these fields. What a later version has to add goes into Data, so that every
// version can fold what any other has appended.
type Event struct {
	Type   string          `json:"type"`           // noun.verb: recording.stored
	ID     string          `json:"id"`             // of what it happened to
	At     time.Time       `json:"at"`             // by the clock of Node; UTC
	Actor  string          `json:"actor"`          // account that did it
	Node   string          `json:"node"`           // daemon that did it
	Config string          `json:"config"`         // hash of the configuration in force
	Data   json.RawMessage `json:"data,omitempty"` // a JSON value

	Seq uint64 `json:"-"` // place in the ledger, from 1; set by Follow
	Key string `json:"-"` // makes an append that is repeated soon one event: see Append
}

var (
	eventType = regexp.MustCompile(`^[a-z]{1,32}\.[a-z_]{1,32}$`)
	eventID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// ErrEvent says that an event has not the form that the ledger takes.
var ErrEvent = errors.New("event has not the form of the ledger")

// Validate says what is wrong with an event. The error names no value: it may be logged.
func (e Event) Validate() error {
	year := e.At.UTC().Year()
	switch {
	case !eventType.MatchString(e.Type):
		return fmt.Errorf("%w: type is not noun.verb", ErrEvent)
	case !eventID.MatchString(e.ID):
		return fmt.Errorf("%w: id is not 1 to 64 letters, digits, - and _", ErrEvent)
	case e.At.IsZero() || year < 0 || year > 9999: // RFC 3339, section 1
		return fmt.Errorf("%w: it has no time, or none of these ten thousand years", ErrEvent)
	case e.Actor == "" || !isWord(e.Actor):
		return fmt.Errorf("%w: actor is not 1 to %d bytes of printable text", ErrEvent, maxWord)
	case !isWord(e.Node) || !isWord(e.Config) || !isWord(e.Key):
		return fmt.Errorf("%w: node, config or key is not up to %d bytes of printable text", ErrEvent, maxWord)
	case len(e.Data) > maxData:
		return fmt.Errorf("%w: data has %d bytes, more than %d", ErrEvent, len(e.Data), maxData)
	}
	return nil
}

// isWord says whether a field is one line of text that JSON and NATS headers carry as it is.
func isWord(s string) bool {
	return len(s) <= maxWord && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// encode gives the bytes that are stored: at most maxEvent.
func (e Event) encode() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	e.At = e.At.UTC()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // data stays as long as it is
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("%w: data is no JSON", ErrEvent)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads what encode wrote. Its errors name no value: these are bytes that anybody may have put into the stream.
func decode(b []byte) (Event, error) {
	var e Event
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("%w: it is no JSON object with the fields of an event", ErrEvent)
	}
	if _, err := d.Token(); err != io.EOF {
		return Event{}, fmt.Errorf("%w: something follows it", ErrEvent)
	}
	e.At = e.At.UTC()
	if len(e.Data) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, e.Data); err != nil {
			return Event{}, fmt.Errorf("%w: data is no JSON", ErrEvent)
		}
		e.Data = compact.Bytes()
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// Subject is where an event goes: lw.ledger.<kind>.<shard>, kind being the noun of its type.
func (e Event) Subject() string {
	kind, _, _ := strings.Cut(e.Type, ".")
	return subjectPrefix + kind + "." + strconv.Itoa(shardOf(e.ID))
}

// shardOf spreads IDs over the shards by FNV-1a. It never changes: optimistic concurrency of two versions meets on it.
func shardOf(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id)) // never fails
	return int(h.Sum32() % shards)
}
