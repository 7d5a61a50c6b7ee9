package ledger

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// childDir names the folder in which a re-executed test appends until it is killed.
const childDir = "LEDGER_TEST_CHILD"

// appendForEver appends and prints what was acknowledged, until it is killed.
func appendForEver(dir string) {
	s, err := StartServer(ServerConfig{Dir: dir, Port: -1})
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
	last, err := l.Last(context.Background())
	if err != nil {
		panic(err)
	}
	for n := int(last) + 1; ; n++ {
		seq, err := l.Append(context.Background(), event(n))
		if err != nil {
			panic(err)
		}
		fmt.Println(seq)
	}
}

// TestKillLosesNothingAcknowledged kills a process that appends, and again the one that goes on from there.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := uint64(0)
	for range 3 {
		acked = killedAfter(t, dir, acked+50)
	}
	_, l := start(t, dir)
	if last, err := l.Last(t.Context()); err != nil || last < acked {
		t.Fatalf("ledger ends at %d, %v, after %d were acknowledged", last, err, acked)
	}
	for i, e := range read(t, l, 0, int(acked)) {
		if e.Seq != uint64(i+1) || e.ID != fmt.Sprintf("R%d", i+1) {
			t.Errorf("event %s at %d, want the %dth", e.ID, e.Seq, i+1)
		}
	}
}

// killedAfter runs a child that appends, kills it when it has printed a sequence, and gives the last one printed.
func killedAfter(t *testing.T, dir string, enough uint64) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childDir+"="+dir), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := uint64(0)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seq, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // the line that the kill cut off
		}
		if acked = seq; acked == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Wait() // says that it was killed
	if acked < enough {
		t.Fatalf("child ended after %d", acked)
	}
	return acked
}
