package ledger

import (
	"context"
	"encoding/json"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServerRecoversFromADiskThatWasFull lets writing fail as a full disk does, by a limit on the length of files, and then
// lifts it.
func TestServerRecoversFromADiskThatWasFull(t *testing.T) {
	var log logged
	s, err := StartServer(ServerConfig{Dir: t.TempDir(), Port: -1, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := open(t, connect(t, s), Options{})
	e := event(1)
	e.Data = json.RawMessage(`"` + strings.Repeat("x", 30_000) + `"`)
	acked := mustAppend(t, l, e)

	lift := limitFiles(t, 300_000)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		seq, err := l.Append(ctx, e)
		cancel()
		if err != nil {
			break
		}
		acked = seq
	}
	if got := read(t, l, 0, int(acked)); len(got) != int(acked) {
		t.Errorf("read %d events while the disk is full, want %d", len(got), acked)
	}
	lift()

	e.Key = "after"
	if seq := retryAppend(t, l, e); seq != acked+1 {
		t.Errorf("appended at %d, want %d: nothing acknowledged may be lost, and nothing else kept", seq, acked+1)
	}
	for i, got := range read(t, l, 0, int(acked)+1) {
		if got.ID != e.ID || got.Seq != uint64(i+1) {
			t.Errorf("event %s at %d, want the %dth", got.ID, got.Seq, i+1)
		}
	}
	if text := log.String(); !strings.Contains(text, "cannot write") || !strings.Contains(text, "started again") {
		t.Errorf("logged: %s", text)
	}
}

// limitFiles makes writes behind an offset fail, in this process, until lift is called.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	lift = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(lift)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return lift
}
