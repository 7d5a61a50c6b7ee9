package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLogReopened(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, idOne, "media.rtplog")
	s := openSpool(t, dir)
	create(t, s, idOne)
	s.Close()
	for i, tail := range []string{"", "a torn record", strings.Repeat("\x00", 300<<10), ""} {
		s := openSpool(t, dir)
		l := only(t, s).Log()
		l.Append(1, KindRTP, opened, fmt.Append(nil, i))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(readPackets(t, only(t, s)), ""); got != "0123"[:i+1] {
			t.Errorf("time %d: got %s", i, got)
		}
		s.Close()
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := ValidateLog(f); err != nil {
			t.Error(err)
		}
		f.Close()
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(whole, tail...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLogOfNothing has files that hold no header.
func TestLogOfNothing(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "torn": "LWRTP", "zeros": strings.Repeat("\x00", 4096)} {
		s := openSpool(t, t.TempDir())
		e := create(t, s, idOne)
		writeFile(t, filepath.Join(e.Dir(), "media.rtplog"), text)
		if got := readPackets(t, e); got != nil {
			t.Errorf("%s: got %q", name, got)
		}
		e.Log().Append(1, KindRTP, opened, []byte("first"))
		if err := e.Log().Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := readPackets(t, e); len(got) != 1 || got[0] != "first" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestLogThatCannotBeOpened(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"newer version": func(path string) error {
			b := appendLogHeader(nil)
			b[8] = 9
			return os.WriteFile(path, append(b[:12], crcOf(b[:12])...), 0o600)
		},
		"a link":   func(path string) error { return os.Symlink("/etc/hostname", path) },
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		s := openSpool(t, t.TempDir())
		e := create(t, s, idOne)
		if err := spoil(filepath.Join(e.Dir(), "media.rtplog")); err != nil {
			t.Fatal(err)
		}
		l := e.Log()
		l.Append(1, KindRTP, opened, []byte("x"))
		if l.Err() == nil || l.Close() == nil || l.Dropped() != 1 {
			t.Errorf("%s: error %v, %d dropped", name, l.Err(), l.Dropped())
		}
	}
}

func crcOf(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
}

// TestStalledDisk holds what the writer holds while a write does not return. Append goes on, and counts what it cannot keep.
func TestStalledDisk(t *testing.T) {
	s := openSpool(t, t.TempDir())
	e := create(t, s, idOne)
	l := e.Log()
	packet := make([]byte, 172)
	l.disk.Lock()
	fits := maxBuffered / (recordHeader + len(packet))
	for i := range fits + 1000 {
		binary.BigEndian.PutUint32(packet, uint32(i))
		l.Append(1, KindRTP, opened, packet)
	}
	if l.Dropped() != 1000 || s.Counters().Dropped != 1000 {
		t.Errorf("%d dropped, want 1000", l.Dropped())
	}
	l.disk.Unlock()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := readPackets(t, e)
	for i, p := range got {
		if binary.BigEndian.Uint32([]byte(p)) != uint32(i) {
			t.Fatalf("packet %d is another one", i)
		}
	}
	if len(got) != fits || s.Counters().Dropped != 1000 {
		t.Errorf("got %d packets, want %d; %d dropped", len(got), fits, s.Counters().Dropped)
	}
}

func TestAppendRefuses(t *testing.T) {
	s := openSpool(t, t.TempDir())
	l := create(t, s, idOne).Log()
	l.Append(1, KindRTP, opened, nil)
	l.Append(1, KindRTP, opened, make([]byte, maxPacket+1))
	l.Append(1, KindRTP, opened, make([]byte, maxPacket))
	l.Close()
	l.Append(1, KindRTP, opened, []byte("late"))
	if l.Dropped() != 3 || l.Err() != nil {
		t.Errorf("%d dropped, %v", l.Dropped(), l.Err())
	}
}

// TestAppendTogether has several receivers and a reader at once.
func TestAppendTogether(t *testing.T) {
	s := openSpool(t, t.TempDir())
	e := create(t, s, idOne)
	var receivers sync.WaitGroup
	const each = 500
	for n := range 4 {
		receivers.Go(func() { // ends by itself
			packet := make([]byte, 100)
			for i := range each {
				binary.BigEndian.PutUint32(packet, uint32(i))
				e.Log().Append(uint16(n), KindRTP, opened, packet)
			}
		})
	}
	for range 10 {
		readPackets(t, e)
	}
	receivers.Wait()
	if err := e.Log().Close(); err != nil {
		t.Fatal(err)
	}
	var next [4]uint32
	if err := e.Packets(func(p Packet) error {
		if binary.BigEndian.Uint32(p.Data) != next[p.Stream] {
			return fmt.Errorf("stream %d is out of order", p.Stream)
		}
		next[p.Stream]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if next != [4]uint32{each, each, each, each} {
		t.Errorf("got %v packets", next)
	}
}

// TestFlushed waits until packets are on disk without anybody closing the log.
func TestFlushed(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{SyncEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	create(t, s, idOne).Log().Append(1, KindRTP, opened, []byte("packet"))
	whole := int64(logHeader + recordHeader + len("packet"))
	for {
		st, err := os.Stat(filepath.Join(dir, idOne, "media.rtplog"))
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() == whole && s.Counters().LongestCommit > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestSyncFails has a group commit that fails. What the kernel has lost it does not say, and it says so once.
func TestSyncFails(t *testing.T) {
	s := openSpool(t, t.TempDir())
	one, two := create(t, s, idOne), create(t, s, idTwo)
	one.Log().Append(1, KindRTP, opened, []byte("packet"))
	two.Log().Append(1, KindRTP, opened, []byte("packet"))
	if err := two.Log().Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Log().flush(); err != nil {
		t.Fatal(err)
	}
	s.root.Close()
	s.groupCommit()
	if one.Log().Err() == nil || one.Log().Close() == nil || one.Log().Close() == nil {
		t.Error("a failed sync is forgotten")
	}
	if err := two.Log().Err(); err != nil {
		t.Errorf("a log that was complete before has %v", err)
	}
	if got := s.Counters().SyncErrors; got != 1 {
		t.Errorf("%d errors", got)
	}
	if got := readPackets(t, one); len(got) != 1 {
		t.Error("what was captured is gone")
	}
}

// TestFsyncFails closes the file under a log: the only way to make a sync fail on any machine.
func TestFsyncFails(t *testing.T) {
	s := openSpool(t, t.TempDir())
	e := create(t, s, idOne)
	l := e.Log()
	l.Append(1, KindRTP, opened, []byte("packet"))
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	l.file.Close()
	first := l.Close()
	if first == nil || l.Close() == nil || l.Err() == nil {
		t.Error("a failed sync is forgotten")
	}
	if got := readPackets(t, e); len(got) != 1 {
		t.Error("what was captured is gone")
	}
}

// BenchmarkAppend is the receive path of one packet, with a writer beside it.
func BenchmarkAppend(b *testing.B) {
	s := openSpool(b, b.TempDir())
	l := create(b, s, idOne).Log()
	packet := make([]byte, 172)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	appended := 0
	for b.Loop() {
		l.Append(1, KindRTP, opened, packet)
		if appended++; appended%100 == 0 { // a call takes a second for this
			if err := l.flush(); err != nil {
				b.Fatal(err)
			}
			l.end = logHeader // or the disk is full soon
		}
	}
	if l.Dropped() > 0 {
		b.Errorf("%d dropped", l.Dropped())
	}
}

// BenchmarkCreate is what an INVITE waits for.
func BenchmarkCreate(b *testing.B) {
	s := openSpool(b, b.TempDir())
	for b.Loop() {
		e := create(b, s, idOne)
		b.StopTimer()
		if err := e.Remove(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
