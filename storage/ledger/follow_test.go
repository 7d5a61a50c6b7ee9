package ledger

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestAppendAndFollow(t *testing.T) {
	_, l := start(t, t.TempDir())
	for n := 1; n <= 3; n++ {
		if seq := mustAppend(t, l, event(n)); seq != uint64(n) {
			t.Fatalf("event %d is at %d", n, seq)
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

func TestFollowHandsOnThatAnEventCannotBeRead(t *testing.T) {
	s, _ := start(t, t.TempDir())
	nc := connect(t, s)
	var log logged
	l := open(t, nc, Options{Log: log.logger()})
	mustAppend(t, l, event(1))
	if _, err := nc.Request(subjectPrefix+"recording.1", []byte(`{"caller":"+15550100"}`), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, event(3))
	got := read(t, l, 0, 3)
	if !reflect.DeepEqual(got[1], Event{Seq: 2}) || got[2].ID != "R3" || got[2].Seq != 3 {
		t.Errorf("got %+v", got)
	}
	if text := log.String(); !strings.Contains(text, "seq=2") || strings.Contains(text, "15550100") {
		t.Errorf("logged: %s", text)
	}
}

func TestFollowGoesOnWhenTheServerIsStartedAgain(t *testing.T) {
	s, l := start(t, t.TempDir())
	const rounds, each = 2, 20
	got := make(chan uint64)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { // ends with ctx
		ended <- l.Follow(ctx, 0, func(e Event) error {
			got <- e.Seq
			return nil
		})
	}()
	want := uint64(0)
	for range rounds {
		for range each {
			want++
			e := event(int(want))
			e.Key = "once" // an attempt whose answer is lost may have succeeded
			retryAppend(t, l, e)
			if seq := <-got; seq != want {
				t.Fatalf("followed %d, want %d", seq, want)
			}
		}
		s.restart()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v", err)
	}
}

func TestFollowReturnsWhatFnSays(t *testing.T) {
	_, l := start(t, t.TempDir())
	mustAppend(t, l, event(1))
	ctx, cancel := context.WithCancel(t.Context())
	err := l.Follow(ctx, 0, func(Event) error {
		cancel()
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("follow: %v", err)
	}
}

func TestFollowSaysThatTheLedgerIsAnother(t *testing.T) {
	_, l := start(t, t.TempDir())
	mustAppend(t, l, event(1))
	if err := l.Follow(t.Context(), 2, func(Event) error { return nil }); !errors.Is(err, ErrRewound) {
		t.Errorf("follow: %v, want ErrRewound", err)
	}
}

// TestFollowSaysWhatIsMissing follows a stream that has a hole, as damage can make one.
func TestFollowSaysWhatIsMissing(t *testing.T) {
	s, err := StartServer(ServerConfig{Dir: t.TempDir(), Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc := connect(t, s)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c := streamConfig(1)
	c.DenyDelete = false
	stream, err := js.CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var log logged
	l := &Ledger{js: js, log: log.logger(), replicas: 1, stream: make(chan jetstream.Stream, 1)}
	l.stream <- stream
	for n := range 5 {
		mustAppend(t, l, event(n))
	}
	for _, seq := range []uint64{2, 3} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	var seqs []uint64
	for _, e := range read(t, l, 0, 3) {
		seqs = append(seqs, e.Seq)
	}
	if !reflect.DeepEqual(seqs, []uint64{1, 4, 5}) {
		t.Errorf("followed %v", seqs)
	}
	if text := log.String(); !strings.Contains(text, "from=2 to=3") {
		t.Errorf("logged: %s", text)
	}
}
