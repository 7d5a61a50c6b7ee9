package ledger

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

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

func TestOfManyOnlyOneAppendsAfter(t *testing.T) {
	_, l := start(t, t.TempDir())
	var wg sync.WaitGroup
	won := make(chan uint64, 16)
	for range cap(won) {
		wg.Go(func() {
			seq, err := l.AppendAfter(t.Context(), event(1), 0)
			if err == nil {
				won <- seq
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d have appended, want 1", len(won))
	}
}

func TestKeyMakesARepetitionOneEvent(t *testing.T) {
	s, l := start(t, t.TempDir())
	e := event(1)
	e.Key = "attempt"
	first := mustAppend(t, l, e)
	s.restart() // the server remembers keys over a start
	if again := retryAppend(t, l, e); again != first {
		t.Errorf("repetition is at %d, want %d", again, first)
	}
	if _, err := l.AppendAfter(t.Context(), e, 0); !errors.Is(err, ErrConflict) {
		t.Errorf("repetition of a conditional append: %v, want ErrConflict", err)
	}
	other := event(2)
	other.Key = e.Key
	if seq := mustAppend(t, l, other); seq != first+1 {
		t.Errorf("another event with the same key is at %d, want %d", seq, first+1)
	}
	e.Key = ""
	mustAppend(t, l, e)
	if seq := mustAppend(t, l, e); seq != first+3 {
		t.Errorf("without a key, a repetition is at %d, want %d", seq, first+3)
	}
}

// retryAppend appends as soon as the server is back.
func retryAppend(t *testing.T, l *Ledger, e Event) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		attempt, end := context.WithTimeout(ctx, time.Second)
		seq, err := l.Append(attempt, e)
		end()
		if err == nil {
			return seq
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestNothingCanBeTakenOut(t *testing.T) {
	_, l := start(t, t.TempDir())
	mustAppend(t, l, event(1))
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
	rollup := nats.NewMsg(event(1).Subject())
	rollup.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupAll)
	if _, err := l.js.PublishMsg(t.Context(), rollup); err == nil {
		t.Error("the ledger was rolled up")
	}
	c := stream.CachedInfo().Config
	c.DenyPurge = false
	if _, err := l.js.UpdateStream(t.Context(), c); err == nil {
		t.Error("the ledger can be made to forget")
	}
}

func TestOpenRefusesAStreamThatForgets(t *testing.T) {
	for name, change := range map[string]func(*jetstream.StreamConfig){
		"limits":   func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"deletion": func(c *jetstream.StreamConfig) { c.DenyDelete = false },
		"memory":   func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"writes":   func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
		"length":   func(c *jetstream.StreamConfig) { c.MaxMsgSize = 100 },
		"exactly":  func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "other") },
	} {
		s, err := StartServer(ServerConfig{Dir: t.TempDir(), Port: -1})
		if err != nil {
			t.Fatal(err)
		}
		nc := connect(t, s)
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		c := streamConfig(1)
		change(&c)
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := Open(t.Context(), nc, Options{}); !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want ErrStream that says so", name, err)
		}
		s.Close()
	}
}

func TestOpenTakesTheStreamOfAnEarlierStart(t *testing.T) {
	s, l := start(t, t.TempDir())
	mustAppend(t, l, event(1))
	again := open(t, connect(t, s), Options{})
	if last, err := again.Last(t.Context()); err != nil || last != 1 {
		t.Errorf("last is %d, %v, want 1", last, err)
	}
}

func TestOpenSaysThatOneServerHasNoReplicas(t *testing.T) {
	s, err := StartServer(ServerConfig{Dir: t.TempDir(), Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(t.Context(), connect(t, s), Options{Replicas: 3}); !errors.Is(err, ErrStream) {
		t.Errorf("three copies on one server: %v, want ErrStream", err)
	}
}

func TestOpenWithoutServer(t *testing.T) {
	nc, err := Connect(ConnConfig{URL: "nats://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	l := open(t, nc, Options{})
	if _, err := l.Append(t.Context(), event(1)); err == nil {
		t.Error("append without a server succeeded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := l.Follow(ctx, 0, func(Event) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v, want it to wait for the server", err)
	}
}

// TestCallersDoNotWaitForEachOther: one that waits for the server keeps nobody from giving up.
func TestCallersDoNotWaitForEachOther(t *testing.T) {
	_, l := start(t, t.TempDir())
	<-l.stream // somebody opens the stream, and that takes for ever
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, event(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	_, l := start(b, b.TempDir())
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		mustAppend(b, l, event(n))
	}
}

func BenchmarkFollow(b *testing.B) {
	_, l := start(b, b.TempDir())
	const n = 1000
	for i := range n {
		mustAppend(b, l, event(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		read(b, l, 0, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
}
