package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readPackets reads an entry's packets as text.
func readPackets(t testing.TB, e *Entry) (all []string) {
	t.Helper()
	if err := e.Packets(func(p Packet) error {
		all = append(all, string(p.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// record is a copy of a packet that outlives the callback.
type record struct {
	stream uint16
	kind   Kind
	at     int64
	data   string
}

func readAll(r io.Reader) (all []record, report LogReport, err error) {
	report, err = ReadLog(r, func(p Packet) error {
		all = append(all, record{p.Stream, p.Kind, p.At.UnixNano(), string(p.Data)})
		return nil
	})
	return all, report, err
}

// write encodes records as a log.
func write(all []record) []byte {
	b := appendLogHeader(nil)
	for _, r := range all {
		b = appendRecord(b, r.stream, r.kind, time.Unix(0, r.at), []byte(r.data))
	}
	return b
}

// someRecords are n records of up to size bytes each.
func someRecords(rng *rand.Rand, n, size int) []record {
	all := make([]record, n)
	for i := range all {
		data := make([]byte, 1+rng.IntN(size))
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		all[i] = record{uint16(rng.Uint32()), Kind(1 + rng.IntN(2)), int64(rng.Uint64()), string(data)}
	}
	return all
}

// TestLogFormat holds the bytes of version 1. The sums were worked out apart from this program.
func TestLogFormat(t *testing.T) {
	got := hex.EncodeToString(write([]record{{0x0102, KindRTCP, -2, "abc"}}))
	want := "4c575254504c4f47" + "0100" + "0000" + "e936e43c" +
		"5b0425b6" + "0300" + "0201" + "feffffffffffffff" + "02" + "616263"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLogRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := append(someRecords(rng, 500, 300), someRecords(rng, 20, maxPacket)...)
	want = append(want, record{1, KindRTP, 1, strings.Repeat("x", maxPacket)})
	b := write(want)
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(b), "by half": iotest.HalfReader(bytes.NewReader(b)), "with its end": iotest.DataErrReader(bytes.NewReader(b)),
	} {
		got, report, err := readAll(r)
		if err != nil || len(got) != len(want) || report != (LogReport{int64(len(want)), int64(len(b)), 0, 0}) {
			t.Fatalf("%s: got %d records, %+v, %v", name, len(got), report, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: record %d differs", name, i)
			}
		}
	}
	if err := ValidateLog(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
}

// TestTornLog cuts a log at every byte: the whole records in front of the cut are read, and the rest is counted.
func TestTornLog(t *testing.T) {
	want := someRecords(rand.New(rand.NewPCG(1, 2)), 12, 60)
	b := write(want)
	whole, size := 0, logHeader
	for cut := range b {
		for whole < len(want) && cut >= size+recordHeader+len(want[whole].data) {
			size += recordHeader + len(want[whole].data)
			whole++
		}
		got, report, err := readAll(bytes.NewReader(b[:cut]))
		if cut < logHeader {
			size = 0
		} else if size == 0 {
			size = logHeader
		}
		if err != nil || len(got) != whole || report != (LogReport{int64(whole), int64(size), 0, int64(cut - size)}) {
			t.Fatalf("cut at %d: got %d records, %+v, %v, want %d", cut, len(got), report, err, whole)
		}
		if err := ValidateLog(bytes.NewReader(b[:cut])); (err == nil) != (cut == size && cut > 0) {
			t.Fatalf("cut at %d: validate says %v", cut, err)
		}
	}
}

// TestDamagedLog changes every byte in turn: one record is lost, or the header, and nothing else.
func TestDamagedLog(t *testing.T) {
	want := someRecords(rand.New(rand.NewPCG(1, 3)), 12, 60)
	b := write(want)
	for i := range b {
		b[i] ^= 0x55
		got, report, err := readAll(bytes.NewReader(b))
		b[i] ^= 0x55
		left := len(want) - 1
		if i < logHeader {
			left = len(want)
		}
		if err != nil || len(got) != left || report.Whole+report.Torn != int64(len(b)) || report.Damaged+report.Torn == 0 {
			t.Fatalf("byte %d: got %d records, %+v, %v", i, len(got), report, err)
		}
	}
}

// TestLostPages has zeros where a power cut lost what was not yet on disk, in the middle and at the end.
func TestLostPages(t *testing.T) {
	want := someRecords(rand.New(rand.NewPCG(1, 4)), 3000, 400)
	b := write(want)
	clear(b[200<<10 : 204<<10])
	clear(b[300<<10 : 364<<10])
	b = append(b, make([]byte, 10000)...)
	got, report, err := readAll(bytes.NewReader(b))
	if err != nil || report.Torn != 10000 || report.Damaged < 68<<10 || report.Damaged > 70<<10 {
		t.Fatalf("got %+v, %v", report, err)
	}
	if len(got) < 2600 || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("got %d records", len(got))
	}
}

func TestLogErrors(t *testing.T) {
	b := write([]record{{1, KindRTP, 1, "a"}})
	newer := append([]byte(nil), b...)
	newer[8] = 2
	binary.LittleEndian.PutUint32(newer[12:], crc32.Checksum(newer[:12], castagnoli))
	if _, _, err := readAll(bytes.NewReader(newer)); !errors.Is(err, ErrLogVersion) {
		t.Errorf("version 2: got %v", err)
	}
	if _, _, err := readAll(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(b)))); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("reader that fails: got %v", err)
	}
	stop := errors.New("stop")
	if _, err := ReadLog(bytes.NewReader(b), func(Packet) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("callback that fails: got %v", err)
	}
}

func TestDumpLog(t *testing.T) {
	var out strings.Builder
	b := append(write([]record{{3, KindRTP, opened.UnixNano(), "abc"}}), 0)
	if err := DumpLog(&out, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	want := "2026-03-14T09:26:53.589793238Z stream 3 kind 1 3 bytes\n1 packets, 36 bytes whole, 0 damaged, 1 torn\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

// FuzzReadLog reads arbitrary bytes. What parses, written again, reads the same; if all of it parsed it is the same bytes.
func FuzzReadLog(f *testing.F) {
	b := write(someRecords(rand.New(rand.NewPCG(1, 5)), 4, 40))
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add(append(append(b[:60:60], "a hole"...), b[60:]...))
	f.Add(appendLogHeader(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, report, err := readAll(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrLogVersion) {
				t.Fatal(err)
			}
			return
		}
		if report.Packets != int64(len(got)) || report.Whole+report.Torn != int64(len(b)) || report.Damaged > report.Whole {
			t.Fatalf("got %d records of %d bytes, %+v", len(got), len(b), report)
		}
		again := write(got)
		if report.Damaged == 0 && report.Torn == 0 && len(b) > 0 && !bytes.Equal(again, b) {
			t.Fatalf("written again: %x", again)
		}
		same, report, err := readAll(bytes.NewReader(again))
		if err != nil || fmt.Sprint(same) != fmt.Sprint(got) || report.Damaged+report.Torn != 0 {
			t.Fatalf("read again: %v, %+v, %v", same, report, err)
		}
	})
}

// BenchmarkReadLog reads a log of two streams of G.711.
func BenchmarkReadLog(b *testing.B) {
	log := appendLogHeader(nil)
	packet := make([]byte, 172)
	for i := range 10_000 {
		log = appendRecord(log, uint16(i%2), KindRTP, opened, packet)
	}
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadLog(bytes.NewReader(log), func(Packet) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
