package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"linewarden/recorder/audio"
	"linewarden/storage"
	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
	"linewarden/storage/spool"
	"linewarden/storage/vault/vaulttest"
)

// testDeadline ends a test that waits for what does not come.
const testDeadline = 60 * time.Second

var callsBegan = time.Date(2026, 5, 17, 9, 30, 0, 0, time.UTC)

// call is the manifest of the n-th test call.
func call(n int) spool.Manifest {
	start := callsBegan.Add(time.Duration(n) * time.Hour)
	var entropy [10]byte
	entropy[9] = byte(n)
	return spool.Manifest{
		Version: 1, ID: ulid.MustNew(ulid.Timestamp(start), bytes.NewReader(entropy[:])).String(), Kind: "call",
		StartedAt: start, EndedAt: start.Add(2 * time.Second), EndReason: "bye", DurationMS: 2000,
		Node: "rec1", Trunk: "support", Direction: "in", Route: "default", Purposes: []string{"training"},
		Caller:  spool.Party{Number: fmt.Sprintf("+1 555 01%02d", n)},
		Callee:  spool.Party{Number: "+15550199"},
		Tickets: []spool.FoundTicket{{ID: fmt.Sprintf("T-%d", 1001+n), Source: "header"}, {ID: "Q3/4711#2", Source: "header"}},
		Audio:   spool.Audio{Encoding: "pcmu", SampleRate: 8000, Channels: 2, Frames: 16_000},
	}
}

// packets is a call of two seconds in which each side says a pattern of its own.
type packets struct{}

func (packets) Packets(fn func(audio.Packet) error) error {
	const size, count = 160, 100
	for i := range count {
		for stream := range uint16(2) {
			at := i * size
			rtp := []byte{0x80, 0, byte(i >> 8), byte(i), 0, 0, byte(at >> 8), byte(at), 0, 0, 0, byte(stream + 1)}
			for n := range size {
				rtp = append(rtp, sample(int(stream), at+n))
			}
			arrival := callsBegan.Add(time.Duration(i) * 20 * time.Millisecond)
			if err := fn(audio.Packet{Stream: stream, At: arrival, Data: rtp}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sample is what a stream says.
func sample(stream, n int) byte { return byte(n*(7+stream) + n>>8) }

// rig is a server on a real archive: ledger, catalog and spool in a folder of the test's, and a bucket in memory.
type rig struct {
	t        testing.TB
	bucket   *vaulttest.Bucket
	noLedger func() // takes the ledger's server away, once
	ledger   *ledger.Ledger
	archive  *storage.Archive
	spool    *spool.Spool
	web      *Server
	url      string
	wav      []byte // audio of every call
	log      *lockedBuffer
	ahead    atomic.Int64 // nanoseconds that the server's clock is ahead
	notOK    atomic.Pointer[[]string]
	ids      []string
}

// newRig starts a rig with n calls in its archive.
func newRig(t testing.TB, n int) *rig {
	t.Helper()
	r := &rig{t: t, bucket: vaulttest.New(t), log: &lockedBuffer{}}
	r.openArchive()
	r.wav = render(t)
	for i := range n {
		r.store(call(i))
	}
	r.drained()
	r.startWeb(Config{})
	return r
}

func (r *rig) openArchive() {
	t, dir, ctx := r.t, r.t.TempDir(), context.Background()
	log := slog.New(slog.NewTextHandler(r.log, nil))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	server, err := ledger.StartServer(ledger.ServerConfig{Dir: filepath.Join(dir, "nats"), Host: "127.0.0.1", Port: -1, Log: log})
	must(err)
	r.noLedger = sync.OnceFunc(server.Close)
	conn, err := server.Connect("test")
	must(err)
	r.ledger, err = ledger.Open(ctx, conn, ledger.Options{Log: log})
	must(err)
	cat, err := catalog.Open(filepath.Join(dir, "catalog.db"))
	must(err)
	r.spool, err = spool.Open(filepath.Join(dir, "spool"), spool.Options{Log: log})
	must(err)
	identity, recipient, err := storage.GenerateIdentity()
	must(err)
	r.archive, err = storage.New(storage.Config{
		Node: "rec1", Purposes: map[string]storage.Purpose{"training": {Keep: 24 * 365 * time.Hour}},
		Recipient: recipient, Identity: identity, PseudonymKey: bytes.Repeat([]byte{7}, 32),
		MinRetry: time.Millisecond, MaxRetry: 20 * time.Millisecond, Log: log,
	}, r.bucket, r.ledger, cat, r.spool)
	must(err)
	run, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.archive.Run(run) }() // ends with run, below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		conn.Close()
		r.noLedger()
		for _, err := range []error{cat.Close(), r.spool.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// startWeb starts the server with what a configuration leaves open.
func (r *rig) startWeb(c Config) {
	r.t.Helper()
	c.Archive, c.Version = r.archive, "1.2.3"
	c.Log = slog.New(slog.NewTextHandler(r.log, nil))
	c.Now = func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }
	c.Status = func() any { return map[string]int{"sessions": 3} }
	c.Ready = func() []string {
		if parts := r.notOK.Load(); parts != nil {
			return *parts
		}
		return nil
	}
	var err error
	if r.web, err = New(c); err != nil {
		r.t.Fatal(err)
	}
	server := httptest.NewServer(r.web.Handler())
	r.t.Cleanup(server.Close)
	r.url = server.URL
}

// render makes the audio of a call as the recorder does.
func render(t testing.TB) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "audio.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := audio.Render(context.Background(), packets{}, []audio.Stream{{Number: 0}, {Number: 1}}, f, audio.Options{}); err != nil {
		t.Fatal(err)
	}
	wav, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return wav
}

// store puts a call into the spool and tells the archive.
func (r *rig) store(m spool.Manifest) {
	r.t.Helper()
	must := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	e, err := r.spool.Create(m.ID, m.StartedAt, struct{}{})
	must(err)
	for name, content := range map[string][]byte{"audio.wav": r.wav, "peaks.json": []byte(`{"version":1}`)} {
		f, err := e.CreatePart(name)
		must(err)
		_, err = f.Write(content)
		must(err)
		must(f.Close())
	}
	must(e.Seal(m))
	r.archive.Sealed(e)
	r.ids = append(r.ids, m.ID)
}

// drained waits until all calls are stored, with their details.
func (r *rig) drained() {
	r.t.Helper()
	r.eventually("all calls are stored", func() bool {
		for _, id := range r.ids {
			rec, err := r.archive.Recording(context.Background(), id)
			if err != nil || rec.Details == nil || rec.State != storage.StateStored {
				return false
			}
		}
		return r.archive.Backlog().Waiting == 0
	})
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for began := time.Now(); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > testDeadline {
			r.t.Fatalf("%s: does not happen\n%s", what, r.log)
		}
	}
}

// plays are the plays that the ledger has, in order.
func (r *rig) plays() []playEvent {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testDeadline)
	defer cancel()
	last, err := r.ledger.Last(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var found []playEvent
	err = r.ledger.Follow(ctx, 0, func(ev ledger.Event) error {
		if ev.Type == "recording.played" {
			p := playEvent{Actor: ev.Actor, ID: ev.ID}
			if err := json.Unmarshal(ev.Data, &p); err != nil {
				return err
			}
			found = append(found, p)
		}
		if ev.Seq >= last {
			cancel()
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.t.Fatal(err)
	}
	return found
}

type playEvent struct {
	Actor, ID                   string `json:"-"`
	Part, Reason, Ticket, Range string
}

// token makes a token and returns its secret and id.
func (r *rig) token(role Role, ttl time.Duration) (secret, id string) {
	r.t.Helper()
	secret, t, err := r.archive.CreateToken(context.Background(), "test", "of a test", string(role), ttl)
	if err != nil {
		r.t.Fatal(err)
	}
	return secret, t.ID
}

// reply is a response that was read.
type reply struct {
	*http.Response
	body []byte
}

// do sends a request; header is names and values in turn. Redirects are not followed.
func (r *rig) do(method, path, token string, body io.Reader, header ...string) reply {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(r.t, http.DefaultTransport, req)
}

func send(t testing.TB, via http.RoundTripper, req *http.Request) reply {
	t.Helper()
	res, err := via.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res, b}
}

// get reads with a token.
func (r *rig) get(token, path string, header ...string) reply {
	r.t.Helper()
	return r.do(http.MethodGet, path, token, nil, header...)
}

// form sends a page's form, as a browser does.
func (r *rig) form(path, cookie string, fields map[string]string, header ...string) reply {
	r.t.Helper()
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	header = append([]string{
		"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Cookie", cookie, "Sec-Fetch-Site", "same-origin",
	}, header...)
	return r.do(http.MethodPost, path, "", strings.NewReader(values.Encode()), header...)
}

// page reads a page with a session's cookie, as a browser does.
func (r *rig) page(path, cookie string, header ...string) reply {
	r.t.Helper()
	return r.get("", path, append([]string{"Accept", "text/html,*/*", "Cookie", cookie}, header...)...)
}

// signIn begins a session and returns its cookie.
func (r *rig) signIn(role Role) string {
	r.t.Helper()
	secret, _ := r.token(role, time.Hour)
	res := r.form("/sign-in", "", map[string]string{"token": secret})
	if res.StatusCode != http.StatusSeeOther {
		r.t.Fatalf("sign-in answered %s\n%s", res.Status, res.body)
	}
	return cookieOf(r.t, res)
}

func cookieOf(t testing.TB, res reply) string {
	t.Helper()
	cookies := res.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies, want 1", len(cookies))
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

// decode reads JSON.
func decode[T any](t testing.TB, res reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(res.body, &v); err != nil {
		t.Fatalf("%s: %v in %q", res.Status, err, res.body)
	}
	return v
}

// mustBeProblem checks that an answer is a problem document (RFC 9457) of a status.
func mustBeProblem(t testing.TB, res reply, status int) string {
	t.Helper()
	if res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %s, %s, want a problem with status %d\n%s", res.Status, res.Header.Get("Content-Type"), status, res.body)
	}
	p := decode[struct {
		Title, Detail string
		Status        int
	}](t, res)
	if p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" {
		t.Errorf("got problem %+v", p)
	}
	return p.Detail
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	// Guarded by mu.
	b bytes.Buffer
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
