package storage

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"

	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
	"linewarden/storage/spool"
)

// testDeadline ends a test that waits for what does not come.
const testDeadline = 60 * time.Second

// callsBegan is when the first test call began.
var callsBegan = time.Date(2026, 5, 17, 9, 30, 0, 0, time.UTC)

// call is the manifest of the n-th test call. It has two tickets that are good and one that is none.
func call(n int) spool.Manifest {
	start := callsBegan.Add(time.Duration(n) * time.Second)
	var entropy [10]byte
	entropy[9] = byte(n)
	return spool.Manifest{
		ID: ulid.MustNew(ulid.Timestamp(start), bytes.NewReader(entropy[:])).String(), Kind: "call",
		StartedAt: start, EndedAt: start.Add(time.Minute), EndReason: "bye", DurationMS: 60_000,
		Node: "rec1", Trunk: "support", Direction: "in", Route: "default", Controller: "Telefaks AS", Residency: "no",
		Purposes: []string{"training", "proof"},
		Caller:   spool.Party{URI: "sip:+4722000000@example.com", Number: "+47 22 00 00 00", Name: "Kari Nordmann"},
		Callee:   spool.Party{Number: "+4780080080"},
		SIP:      spool.SIP{CallID: fmt.Sprintf("call-%d@example.com", n)},
		Tickets: []spool.FoundTicket{
			{ID: fmt.Sprintf("T-%d", n), Source: "header"}, {ID: "not a ticket", Source: "header"}, {ID: "shared", Source: "siprec"},
		},
		Audio:    spool.Audio{Encoding: "pcmu", SampleRate: 8000, Channels: 2, Frames: 480_000},
		Channels: []spool.Channel{{Packets: 90, Lost: 10}, {Packets: 100}},
	}
}

// audioOf is what the call with this id sounds like: enough for several of age's chunks.
func audioOf(id string) []byte {
	seed := ulid.MustParse(id)
	rng := rand.New(rand.NewChaCha8([32]byte(append(seed[:], seed[:]...))))
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}

// sealEntry puts a finished call into the spool.
func sealEntry(t testing.TB, s *spool.Spool, m spool.Manifest) *spool.Entry {
	t.Helper()
	e, err := s.Create(m.ID, m.StartedAt, map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"audio.wav": audioOf(m.ID), "peaks.json": []byte(`{"version":1}`)} {
		f, err := e.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Seal(m); err != nil {
		t.Fatal(err)
	}
	return e
}

// rig is an archive with everything it stands on: the real spool, ledger and catalog in a folder of the test's, and a
// bucket that outlives it.
type rig struct {
	t       testing.TB
	dir     string
	bucket  Bucket
	config  Config
	crashAt func(point string) error
	skew    atomic.Int64 // nanoseconds that the archive's clock is ahead

	server  *ledger.Server
	conn    *nats.Conn
	ledger  *ledger.Ledger
	catalog *catalog.Catalog
	spool   *spool.Spool
	archive *Archive
	cancel  context.CancelFunc
	ended   chan error
}

// newRig makes a rig in dir that has not been started.
func newRig(t testing.TB, dir string, b Bucket) *rig {
	t.Helper()
	identity := identityIn(t, dir)
	r := &rig{t: t, dir: dir, bucket: b, config: Config{
		Node: "rec1", ConfigHash: "c0ffee", Software: "test", Purposes: testPurposes, ObjectLock: true,
		Recipient: identity.Recipient().String(), Identity: identity.String(),
		PseudonymKey: bytes.Repeat([]byte{7}, minPseudonymKey),
		MinRetry:     time.Millisecond, MaxRetry: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}}
	t.Cleanup(r.stop)
	return r
}

// identityIn is the controller's identity of the rigs in dir.
func identityIn(t testing.TB, dir string) *age.X25519Identity {
	t.Helper()
	name := filepath.Join(dir, "identity")
	secret, err := os.ReadFile(name)
	if err == nil {
		identity, err := age.ParseX25519Identity(string(secret))
		if err != nil {
			t.Fatal(err)
		}
		return identity
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(identity.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return identity
}

// start opens everything and runs the archive.
func (r *rig) start() *rig {
	r.t.Helper()
	r.open()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- r.archive.Run(ctx) }() // ends with ctx, which stop cancels
	return r
}

func (r *rig) open() {
	r.t.Helper()
	ctx := context.Background()
	var err error
	check := func(what string) {
		r.t.Helper()
		if err != nil {
			r.t.Fatalf("%s: %v", what, err)
		}
	}
	r.server, err = ledger.StartServer(ledger.ServerConfig{Dir: filepath.Join(r.dir, "nats"), Host: "127.0.0.1", Port: -1, Log: r.config.Log})
	check("start ledger server")
	r.conn, err = r.server.Connect("test")
	check("connect to ledger server")
	r.ledger, err = ledger.Open(ctx, r.conn, ledger.Options{Log: r.config.Log})
	check("open ledger")
	r.catalog, err = catalog.Open(filepath.Join(r.dir, "catalog.db"))
	check("open catalog")
	r.spool, err = spool.Open(filepath.Join(r.dir, "spool"), spool.Options{Log: r.config.Log})
	check("open spool")
	r.archive, err = New(r.config, r.bucket, r.ledger, r.catalog, r.spool)
	check("make archive")
	r.archive.crashAt = r.crashAt
	r.archive.now = func() time.Time { return time.Now().Add(time.Duration(r.skew.Load())) }
}

// stop ends the archive as a stop of the daemon does, and closes everything.
func (r *rig) stop() {
	if r.archive == nil {
		return
	}
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("run: %v", err)
	}
	for what, err := range map[string]error{"spool": r.spool.Close(), "catalog": r.catalog.Close()} {
		if err != nil {
			r.t.Errorf("close %s: %v", what, err)
		}
	}
	r.conn.Close()
	r.stopLedger()
	r.archive = nil
}

// stopLedger ends the ledger's server under a running archive.
func (r *rig) stopLedger() {
	if r.server != nil {
		r.server.Close()
		r.server = nil
	}
}

// eventually waits until ok says true.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for began := time.Now(); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > testDeadline {
			r.t.Fatalf("%s: does not happen; backlog %+v", what, r.archive.Backlog())
		}
	}
}

// drained waits until the spool has no entry.
func (r *rig) drained() {
	r.t.Helper()
	r.eventually("spool is empty", func() bool {
		entries, err := r.spool.Entries()
		if err != nil {
			r.t.Fatal(err)
		}
		return len(entries) == 0 && r.archive.Backlog().Waiting == 0
	})
}

// detailed waits until no recording lacks details.
func (r *rig) detailed() {
	r.t.Helper()
	r.eventually("all details are filled in", func() bool {
		list, err := r.catalog.WithoutDetails(context.Background(), 1)
		if err != nil {
			r.t.Fatal(err)
		}
		return len(list) == 0
	})
}

// events are all events of the ledger.
func (r *rig) events() []ledger.Event {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testDeadline)
	defer cancel()
	last, err := r.ledger.Last(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var events []ledger.Event
	if last == 0 {
		return nil
	}
	err = r.ledger.Follow(ctx, 0, func(ev ledger.Event) error {
		if events = append(events, ev); ev.Seq >= last {
			cancel()
		}
		return nil
	})
	if len(events) == 0 || events[len(events)-1].Seq < last {
		r.t.Fatalf("read ledger: %v", err)
	}
	return events
}

// count counts the events of a type that a recording or token has.
func (r *rig) count(typ, id string) int {
	r.t.Helper()
	n := 0
	for _, ev := range r.events() {
		if ev.Type == typ && ev.ID == id {
			n++
		}
	}
	return n
}

func (r *rig) dump() string {
	r.t.Helper()
	var b bytes.Buffer
	if err := r.catalog.Dump(context.Background(), &b); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}
