package recorder

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"linewarden/recorder/client"
	"linewarden/recorder/media"
	"linewarden/storage/spool"
)

// rig is a recorder on loopback with a spool of its own.
type rig struct {
	t      *testing.T
	server *Server
	spool  *spool.Spool
	config Config
	sealed chan *spool.Entry
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var loopback = netip.MustParseAddr("127.0.0.1")

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	log := &lockedBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := &rig{t: t, sealed: make(chan *spool.Entry, 100), log: log, config: Config{
		Node: "test", Software: "linewarden/test", ConfigHash: "c0ffee",
		Listen:        []Listen{{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}},
		Allow:         []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Trunks:        []Trunk{{Name: "support", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}},
		TicketHeaders: []string{"X-Ticket-ID"}, UserToUser: true, TicketExtensions: []string{"ticket"},
		Routes:      []Route{{Name: "all", Controller: "default", Residency: "no", Purposes: []string{"service"}}},
		MaxSessions: 50, MaxCall: time.Hour, Drain: 50 * time.Millisecond, Log: logger,
	}}
	if change != nil {
		change(&r.config)
	}
	var err error
	if r.spool, err = spool.Open(filepath.Join(t.TempDir(), "spool"), spool.Options{Log: logger}); err != nil {
		t.Fatal(err)
	}
	engine, err := media.New(media.Config{Address: loopback, PortMin: 22000, PortMax: 23999, Period: 20 * time.Millisecond, Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	if r.server, err = Start(r.config, r.spool, engine, func(e *spool.Entry) { r.sealed <- e }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.server.Drain(context.Background())
		r.server.Close()
		engine.Close()
		r.spool.Close()
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return r
}

// addr is the SIP address for a transport.
func (r *rig) addr(transport string) netip.AddrPort {
	for _, l := range r.server.Listening() {
		if l.Network == transport {
			return netip.MustParseAddrPort(l.Address)
		}
	}
	r.t.Fatalf("no listener for %s", transport)
	return netip.AddrPort{}
}

func (r *rig) waitSealed() *spool.Entry {
	r.t.Helper()
	select {
	case e := <-r.sealed:
		return e
	case <-time.After(20 * time.Second):
		r.t.Fatal("nothing was sealed within 20 s")
		return nil
	}
}

func (r *rig) manifest(e *spool.Entry) spool.Manifest {
	r.t.Helper()
	m, err := e.Manifest()
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// legs reads the two channels of an entry's µ-law or A-law WAV file.
func legs(t *testing.T, e *spool.Entry) [2][]byte {
	t.Helper()
	wav, err := os.ReadFile(filepath.Join(e.Dir(), partAudio))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(wav, []byte("data"))
	if at < 0 {
		t.Fatal("WAV has no data")
	}
	data := wav[at+8:]
	data = data[:min(len(data), int(binary.LittleEndian.Uint32(wav[at+4:])))]
	var out [2][]byte
	for i, b := range data {
		out[i%2] = append(out[i%2], b)
	}
	return out
}

func TestCallsAreSealedBitExact(t *testing.T) {
	r := newRig(t, nil)
	for _, transport := range []string{"udp", "tcp"} {
		for _, law := range []string{"PCMU", "PCMA"} {
			t.Run(transport+" "+law, func(t *testing.T) {
				out, err := client.Place(t.Context(), client.Call{
					Server: r.addr(transport), Transport: transport, Law: law, Seed: 7, Duration: time.Second,
					Caller: "+15550142", Callee: "+15550199", Headers: map[string]string{"X-Ticket-ID": "T-1"},
				})
				if err != nil {
					t.Fatal(err)
				}
				e := r.waitSealed()
				channels := legs(t, e)
				for leg, sent := range out.Sent {
					if len(sent) == 0 || !bytes.Contains(channels[leg], sent) {
						t.Errorf("leg %d: the %d bytes sent are not in the %d recorded", leg, len(sent), len(channels[leg]))
					}
				}
				checkManifest(t, r.manifest(e), strings.ToLower(law), out)
				if err := e.Verify(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func checkManifest(t *testing.T, m spool.Manifest, encoding string, out client.Outcome) {
	t.Helper()
	if m.Caller.Number != "+15550142" || m.Callee.Number != "+15550199" {
		t.Errorf("caller %q, callee %q", m.Caller.Number, m.Callee.Number)
	}
	if want := []spool.FoundTicket{{ID: "T-1", Source: ticketFromHeader}}; !slices.Equal(m.Tickets, want) {
		t.Errorf("tickets %v, want %v", m.Tickets, want)
	}
	if m.EndReason != EndBye || m.Interrupted || m.Trunk != "support" || m.Route != "all" || m.SIP.CallID != out.CallID {
		t.Errorf("manifest says reason %q, interrupted %v, trunk %q, route %q, call %q", m.EndReason, m.Interrupted, m.Trunk, m.Route, m.SIP.CallID)
	}
	if m.Audio.Encoding != encoding || m.Audio.Channels != 2 || len(m.Channels) != 2 {
		t.Fatalf("audio is %+v with %d channels described", m.Audio, len(m.Channels))
	}
	for i, ch := range m.Channels {
		if ch.Packets != int64(len(out.Sent[i])/160) || ch.Lost != 0 || ch.Junk != 0 || ch.Foreign != 0 || ch.Participant == "" {
			t.Errorf("channel %d: %+v", i, ch)
		}
	}
	if len(m.Oddities) != 0 {
		t.Errorf("oddities %v in a call by the book", m.Oddities)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	r := newRig(t, nil)
	const calls = 10
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			if _, err := client.Place(t.Context(), client.Call{Server: r.addr("udp"), Transport: "udp", Seed: int64(i), Duration: 500 * time.Millisecond}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range calls {
		r.waitSealed()
	}
	if n := r.server.Active(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestDrainEndsRunningCalls(t *testing.T) {
	r := newRig(t, nil)
	placed := make(chan client.Outcome, 1)
	go func() { // ends with the call
		out, err := client.Place(context.Background(), client.Call{Server: r.addr("tcp"), Transport: "tcp", Duration: 30 * time.Second})
		if err != nil {
			t.Error(err)
		}
		placed <- out
	}()
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() > 20 })
	r.server.Drain(t.Context())
	if out := <-placed; !out.HungUp {
		t.Error("client was not told that the session ended")
	}
	if m := r.manifest(r.waitSealed()); m.EndReason != EndDrain || m.Audio.Frames == 0 {
		t.Errorf("manifest says reason %q and %d frames", m.EndReason, m.Audio.Frames)
	}
	_, err := client.Place(t.Context(), client.Call{Server: r.addr("udp"), Transport: "udp", Duration: time.Second})
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("new call while draining: %v, want 503 with Retry-After", err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within 20 s")
		}
	}
}

// TestLogNamesNobody runs a call and reads the log for what must not be in it.
func TestLogNamesNobody(t *testing.T) {
	r := newRig(t, nil)
	conn, err := net.Dial("udp", r.addr("udp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("INVITE sip:+15550142@x SIP/2.0\r\nVia: broken +15550142\r\n\r\n"))
	if _, err := client.Place(t.Context(), client.Call{
		Server: r.addr("udp"), Transport: "udp", Duration: 300 * time.Millisecond, Caller: "Ann <sip:+15550142@example.com>",
		Headers: map[string]string{"X-Ticket-ID": "T-SECRET"},
	}); err != nil {
		t.Fatal(err)
	}
	r.waitSealed()
	for _, word := range []string{"15550142", "Ann", "T-SECRET", "example.com"} {
		if strings.Contains(r.log.String(), word) {
			t.Errorf("log holds %q", word)
		}
	}
}
