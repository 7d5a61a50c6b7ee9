package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// start starts a server on a free port, and a ledger on it.
func start(t testing.TB, dir string) (*Server, *Ledger) {
	t.Helper()
	s, err := StartServer(ServerConfig{Dir: dir, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, open(t, connect(t, s), Options{})
}

func connect(t testing.TB, s *Server) *nats.Conn {
	t.Helper()
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func open(t testing.TB, nc *nats.Conn, o Options) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), nc, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func event(n int) Event {
	return Event{
		Type: "recording.stored", ID: fmt.Sprintf("R%d", n), At: time.Unix(int64(n), 0).UTC(),
		Actor: "test", Node: "n", Data: json.RawMessage(`{"n":1}`),
	}
}

func mustAppend(t testing.TB, l *Ledger, e Event) uint64 {
	t.Helper()
	seq, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

var errEnough = errors.New("enough")

// read gives the first events after a sequence.
func read(t testing.TB, l *Ledger, after uint64, count int) []Event {
	t.Helper()
	var got []Event
	err := l.Follow(t.Context(), after, func(e Event) error {
		if got = append(got, e); len(got) == count {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("follow: %v", err)
	}
	return got
}

// logged collects what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder // Guarded by mu.
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
