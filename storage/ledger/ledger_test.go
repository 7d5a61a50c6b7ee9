package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// childDir names the folder in which a re-executed test appends until it is killed.
const childDir = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, dir string) (*Server, *Ledger) {
	t.Helper()
	s, err := StartServer(ServerConfig{Dir: dir, Host: "127.0.0.1", Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	l, err := Open(t.Context(), nc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func event(n int) Event {
	return Event{Type: "recording.stored", ID: fmt.Sprintf("R%d", n), At: time.Unix(int64(n), 0).UTC(), Actor: "test", Node: "n", Data: json.RawMessage(`{"n":1}`)}
}

func TestAppendAndFollow(t *testing.T) {
	_, l := start(t, t.TempDir())
	for n := 1; n <= 3; n++ {
		if seq, err := l.Append(t.Context(), event(n)); err != nil || seq != uint64(n) {
			t.Fatalf("append %d: %d, %v", n, seq, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []Event
	err := l.Follow(ctx, 1, func(e Event) error {
		got = append(got, e)
		switch len(got) {
		case 2: // all that was there; the next comes while we follow
			_, err := l.Append(t.Context(), event(4))
			return err
		case 3:
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(got) != 3 {
		t.Fatalf("followed %d events, %v, want 3", len(got), err)
	}
	for i, e := range got {
		want := event(i + 2)
		want.Seq = uint64(i + 2)
		if !reflect.DeepEqual(e, want) {
			t.Errorf("event %+v, want %+v", e, want)
		}
	}
	if last, err := l.Last(t.Context()); err != nil || last != 4 {
		t.Errorf("last is %d, %v, want 4", last, err)
	}
}

func TestFollowPassesOverWhatCannotBeRead(t *testing.T) {
	s, l := start(t, t.TempDir())
	nc, err := s.Connect("intruder")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request(subjectPrefix+"recording.1", []byte("{"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), event(7)); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	err = l.Follow(t.Context(), 0, func(e Event) error {
		if e.ID != "R7" || e.Seq != 2 {
			t.Errorf("got %s at %d", e.ID, e.Seq)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("follow: %v", err)
	}
}

func TestAppendAfterRefusesAStaleView(t *testing.T) {
	_, l := start(t, t.TempDir())
	seq, err := l.AppendAfter(t.Context(), event(1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendAfter(t.Context(), event(1), 0); !errors.Is(err, ErrConflict) {
		t.Errorf("stale append: %v, want ErrConflict", err)
	}
	if _, err := l.AppendAfter(t.Context(), event(1), seq); err != nil {
		t.Errorf("append after %d: %v", seq, err)
	}
}

func TestNothingCanBeTakenOut(t *testing.T) {
	s, l := start(t, t.TempDir())
	if _, err := l.Append(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	nc, err := s.Connect("intruder")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	stream, err := l.js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 1); err == nil {
		t.Error("an event was deleted")
	}
	if err := stream.Purge(t.Context()); err == nil {
		t.Error("the ledger was purged")
	}
}

func TestUsers(t *testing.T) {
	s, _ := start(t, t.TempDir())
	if info, err := os.Stat(s.UsersFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("users file: %v, %v", info.Mode(), err)
	}
	if nc, err := nats.Connect(s.URL()); err == nil {
		nc.Close()
		t.Error("somebody without a name was let in")
	}
	refused := make(chan error, 10)
	nc, err := nats.Connect(s.URL(), nats.UserInfo(userAbuse, s.users.Abuse),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	alerts, err := nc.SubscribeSync("lw.alert.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []func() error{
		func() error { _, err := nc.SubscribeSync(subjectPrefix + ">"); return err },
		func() error { _, err := nc.SubscribeSync("_INBOX.>"); return err },
		func() error { return nc.Publish(subjectPrefix+"recording.1", []byte("{}")) },
	} {
		if err := forbidden(); err != nil {
			t.Fatal(err)
		}
		nc.Flush()
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("refused with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the user for alerts may do more than read them")
		}
	}
	daemon, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	if err := daemon.Publish("lw.alert.storage.warning", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := alerts.NextMsg(5 * time.Second); err != nil {
		t.Errorf("alert did not arrive: %v", err)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = StartServer(ServerConfig{Dir: t.TempDir(), Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "nats.listen") {
		t.Errorf("taken port: %v", err)
	}
}

func TestOpenWithoutServer(t *testing.T) {
	nc, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	l, err := Open(ctx, nc, Options{})
	if err != nil {
		t.Fatalf("a server that is away is an error: %v", err)
	}
	if _, err := l.Append(ctx, event(1)); err == nil {
		t.Error("append without a server succeeded")
	}
}

// appendForEver appends and prints what was acknowledged, until it is killed.
func appendForEver(dir string) {
	s, err := StartServer(ServerConfig{Dir: dir, Host: "127.0.0.1", Port: -1})
	if err != nil {
		panic(err)
	}
	nc, err := s.Connect("child")
	if err != nil {
		panic(err)
	}
	l, err := Open(context.Background(), nc, Options{})
	if err != nil {
		panic(err)
	}
	for n := 1; ; n++ {
		seq, err := l.Append(context.Background(), event(n))
		if err != nil {
			panic(err)
		}
		fmt.Println(seq)
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const enough = 50
	acked := uint64(0)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if acked, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if acked == enough {
			cmd.Process.Kill()
		}
	}
	cmd.Wait() // it was killed
	_, l := start(t, dir)
	if last, err := l.Last(t.Context()); err != nil || last < acked || acked < enough {
		t.Fatalf("ledger ends at %d, %v, after %d were acknowledged", last, err, acked)
	}
	stop := errors.New("enough")
	seen := uint64(0)
	err = l.Follow(t.Context(), 0, func(e Event) error {
		if seen++; e.Seq != seen || e.ID != fmt.Sprintf("R%d", seen) {
			t.Errorf("event %s at %d, want the %dth", e.ID, e.Seq, seen)
		}
		if seen == acked {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("follow: %v", err)
	}
}

func TestShardsNeverMove(t *testing.T) {
	for id, want := range map[string]int{"01M847PBWBY0V6ZWXJJ2GC6QQV": 153, "a": 44} {
		if got := shardOf(id); got != want {
			t.Errorf("shard of %s is %d, want %d", id, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := event(1)
	for name, change := range map[string]func(*Event){
		"type":     func(e *Event) { e.Type = "recording" },
		"wildcard": func(e *Event) { e.Type = "*.>" },
		"id":       func(e *Event) { e.ID = "a b" },
		"time":     func(e *Event) { e.At = time.Time{} },
		"actor":    func(e *Event) { e.Actor = "" },
		"size":     func(e *Event) { e.Data = json.RawMessage(`"` + strings.Repeat("x", maxEvent) + `"`) },
	} {
		e := good
		change(&e)
		if _, err := e.encode(); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %v, want ErrEvent", name, err)
		}
	}
}

// FuzzDecode: an event that decodes is valid, and encodes to bytes that decode to the same.
func FuzzDecode(f *testing.F) {
	b, err := event(1).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"type":"token.created","id":"x","at":"2026-01-01T00:00:00Z","actor":"a","node":"","config":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := e.encode()
		if err != nil {
			return // its year has no RFC 3339 form, or escaping made it too long
		}
		second, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		third, err := second.encode()
		if err != nil || string(again) != string(third) {
			t.Fatalf("%s became %s, %v", again, third, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	s, err := StartServer(ServerConfig{Dir: b.TempDir(), Host: "127.0.0.1", Port: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	nc, err := s.Connect("bench")
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	l, err := Open(context.Background(), nc, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		if _, err := l.Append(context.Background(), event(n)); err != nil {
			b.Fatal(err)
		}
	}
}
