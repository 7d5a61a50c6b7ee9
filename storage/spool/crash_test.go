package spool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What a child process of a test is to do, and where.
const (
	envChild = "SPOOL_TEST_CHILD"
	envDir   = "SPOOL_TEST_DIR"
	envCrash = "SPOOL_TEST_CRASH" // number of the crash point that is the child's last; 0 is none
)

func TestMain(m *testing.M) {
	switch os.Getenv(envChild) {
	case "life":
		live(os.Getenv(envDir))
	case "full":
		fill(os.Getenv(envDir))
	default:
		os.Exit(m.Run())
	}
}

// child runs this test binary as another process.
func child(t *testing.T, what, dir string, crash int) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), envChild+"="+what, envDir+"="+dir, envCrash+"="+strconv.Itoa(crash))
	c.Stderr = os.Stderr
	return c
}

// live is the child of the crash tests. It leads entries through all of their life, and says on standard output what the spool
// has acknowledged, so that its parent knows what has to be there after its death.
func live(dir string) {
	last, _ := strconv.Atoi(os.Getenv(envCrash))
	passed := 0
	s, err := Open(dir, Options{crash: func(string) {
		if passed++; passed == last {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	must(err)
	for i := range 3 {
		id := lifeID(i)
		e, err := s.Create(id, opened, i)
		must(err)
		fmt.Println("created", id)
		for n := range 3 {
			must(e.Note("count", opened, n))
			fmt.Println("noted", id)
			for range 10 {
				e.Log().Append(uint16(n), KindRTP, opened, bytes.Repeat([]byte{byte(n)}, 160))
			}
			must(e.Log().flush())
			fmt.Println("flushed", id)
		}
		must(e.Log().Close())
		must(finish(e))
		fmt.Println("sealed", id)
		if i != 1 {
			must(e.Remove())
			fmt.Println("removed", id)
		}
	}
	must(s.Close())
	fmt.Println("points", passed)
}

// lifeID is the id of the child's entry with a number.
func lifeID(i int) string { return "01JQ3KZ5A" + strconv.Itoa(i) + "RJ2M4N6P8Q0S2T4V" }

// finish is what a session does with its entry in the end, and after a crash once more.
func finish(e *Entry) error {
	for _, name := range []string{"audio.wav", "peaks.json"} {
		f, err := e.CreatePart(name)
		if err != nil {
			return err
		}
		_, err = f.WriteString(strings.Repeat(name, 100))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return e.Seal(Manifest{Kind: "call", StartedAt: opened})
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// acks are what a child has said, by entry: how often each.
type acks map[string]map[string]int

func readAcks(out []byte) (acks, int) {
	a, points := acks{}, 0
	for line := range strings.Lines(string(out)) {
		var what, id string
		if n, _ := fmt.Sscanf(line, "%s %s\n", &what, &id); n != 2 {
			continue // torn by the crash
		}
		if what == "points" {
			points, _ = strconv.Atoi(id)
			continue
		}
		if a[id] == nil {
			a[id] = map[string]int{}
		}
		a[id][what]++
	}
	return a, points
}

// TestCrash kills a process at each step of the life of its entries, and looks at what it leaves.
func TestCrash(t *testing.T) {
	out, err := child(t, "life", t.TempDir(), 0).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, points := readAcks(out)
	if points < 40 {
		t.Fatalf("only %d points to crash at", points)
	}
	for point := 1; point <= points; point++ {
		dir := t.TempDir()
		out, err := child(t, "life", dir, point).Output()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("point %d: child ended with %v", point, err)
		}
		acked, _ := readAcks(out)
		if !t.Run(strconv.Itoa(point), func(t *testing.T) { checkAfterCrash(t, dir, acked) }) {
			t.Logf("acknowledged: %v", acked)
		}
	}
}

// TestCrashAnywhere kills a process when it has said so many lines, wherever it is by then.
func TestCrashAnywhere(t *testing.T) {
	for lines := 1; lines <= 24; lines++ {
		dir := t.TempDir()
		ctx, kill := context.WithCancel(t.Context())
		c := child(t, "life", dir, 0)
		pipe, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { c.Process.Kill() }) // ends by itself, before Wait returns
		var out bytes.Buffer
		r := bufio.NewReader(pipe)
		for n := 0; ; n++ {
			if n == lines {
				kill()
			}
			line, err := r.ReadString('\n')
			out.WriteString(line)
			if err != nil {
				break
			}
		}
		_ = c.Wait() // it was killed
		kill()
		acked, _ := readAcks(out.Bytes())
		t.Run(strconv.Itoa(lines), func(t *testing.T) { checkAfterCrash(t, dir, acked) })
	}
}

// checkAfterCrash opens the spool of a dead process. Every entry is absent, open with all that was acknowledged, or sealed and
// whole; and the normal path leads all of them to their end.
func checkAfterCrash(t *testing.T, dir string, acked acks) {
	s := openSpool(t, dir)
	all, err := s.Entries()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, e := range all {
		there[e.ID()] = true
		seal, err := e.Sealed()
		if err != nil {
			t.Fatal(err)
		}
		if seal == nil {
			checkOpen(t, e, acked[e.ID()])
			if err := finish(e); err != nil {
				t.Fatalf("finish after the crash: %v", err)
			}
		}
		if err := e.Verify(); err != nil {
			t.Error(err)
		}
	}
	for id, said := range acked {
		if said["created"] > 0 && !there[id] && said["sealed"] == 0 {
			t.Errorf("%s was created and is gone", id)
		}
		if said["removed"] > 0 && there[id] {
			t.Errorf("%s was removed and is back", id)
		}
	}
	for _, e := range all {
		if err := e.Remove(); err != nil {
			t.Error(err)
		}
	}
	if left := names(t, dir); len(left) > 0 || s.Counters() != (Counters{}) {
		t.Errorf("left: %v, %+v", left, s.Counters())
	}
}

// checkOpen checks that an open entry has what was acknowledged.
func checkOpen(t *testing.T, e *Entry, said map[string]int) {
	t.Helper()
	if said["sealed"] > 0 {
		t.Error("a sealed entry is open again")
	}
	notes, err := e.Notes()
	if err != nil || len(notes) < 1+said["noted"] || len(notes) > 2+said["noted"] {
		t.Errorf("%d notes, %v; %d were acknowledged", len(notes), err, said["noted"])
	}
	for i, n := range notes[1:] {
		if string(n.Data) != strconv.Itoa(i) {
			t.Errorf("note %d says %s", i, n.Data)
		}
	}
	if got := len(readPackets(t, e)); got < 10*said["flushed"] || got > 10*said["flushed"]+10 {
		t.Errorf("%d packets; %d were written", got, 10*said["flushed"])
	}
	if err := e.Note("after", opened, nil); err != nil {
		t.Error(err)
	}
}

// TestFullDisk runs a process that may not write beyond 64 KB of a file: its writes fail in the middle, as on a full disk.
func TestFullDisk(t *testing.T) {
	if out, err := child(t, "full", t.TempDir(), 0).Output(); err != nil || string(out) != "done\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

func fill(dir string) {
	const room = 64 << 10
	signal.Ignore(syscall.SIGXFSZ) // so that a write fails with EFBIG
	s, err := Open(dir, Options{})
	must(err)
	e, err := s.Create(idOne, opened, nil)
	must(err)
	limit(room)

	l := e.Log()
	packet := make([]byte, 1000)
	const sent, fits = 300, maxBuffered / 1017
	for range sent {
		l.Append(1, KindRTP, opened, packet)
	}
	err = l.flush()
	expect(errors.Is(err, unix.EFBIG) && errors.Is(l.Err(), unix.EFBIG), "flush", err)
	err = l.Close()
	expect(errors.Is(err, unix.EFBIG), "close", err)
	expect(l.Dropped() == sent-fits && s.Counters().WriteErrors >= 2, "counters", s.Counters(), l.Dropped())
	expect(onDisk(e) == (room-logHeader)/1017, "packets on disk", onDisk(e))
	expect(count(e) == fits, "packets on disk and in memory", count(e))

	long := strings.Repeat("x", 40<<10)
	must(e.Note("long", opened, long))
	err = e.Note("long", opened, long)
	expect(errors.Is(err, unix.EFBIG), "note", err)
	must(e.Note("short", opened, nil))
	notes, err := e.Notes()
	expect(err == nil && len(notes) == 3 && notes[2].Type == "short", "notes", err, len(notes))

	err = e.Seal(Manifest{Oddities: []string{long, long}})
	expect(errors.Is(err, unix.EFBIG), "seal", err)
	seal, err := e.Sealed()
	expect(seal == nil && err == nil, "sealed", seal, err)

	_, err = s.Create(idTwo, opened, long+long)
	expect(errors.Is(err, unix.EFBIG), "create", err)
	_, err = os.Stat(filepath.Join(dir, prefixNew+idTwo))
	expect(errors.Is(err, fs.ErrNotExist), "leftover of create", err)

	limit(1 << 30) // there is room again
	must(l.Close())
	expect(onDisk(e) == fits && count(e) == fits, "packets in the end", onDisk(e), count(e))
	must(e.Seal(Manifest{Oddities: []string{long, long}}))
	must(e.Verify())
	must(s.Close())
	fmt.Println("done")
}

func limit(bytes uint64) {
	must(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: 1 << 30}))
}

func expect(ok bool, what string, got ...any) {
	if !ok {
		fmt.Println(append([]any{what + ":"}, got...)...)
		os.Exit(1)
	}
}

func count(e *Entry) (n int) {
	must(e.Packets(func(Packet) error { n++; return nil }))
	return n
}

func onDisk(e *Entry) int {
	f, err := os.Open(e.path(nameLog))
	must(err)
	defer f.Close()
	report, err := ReadLog(f, func(Packet) error { return nil })
	must(err)
	return int(report.Packets)
}
