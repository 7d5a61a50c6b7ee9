package rtp

import (
	"errors"
	"testing"
	"time"

	pion "github.com/pion/rtp"
)

func TestParseHeader(t *testing.T) {
	packet := []byte{
		0xb2, 0x88, 0x12, 0x34, 0, 0, 0x10, 0, 0xde, 0xad, 0xbe, 0xef, // V=2, P, X, CC=2; M, PT 8
		0, 0, 0, 1, 0, 0, 0, 2, // CSRC
		0xbe, 0xde, 0, 1, 0x51, 0xff, 0, 0, // extension of one word
		1, 2, 3, 0, 2, // payload and padding
	}
	h, err := ParseHeader(packet)
	want := Header{PayloadType: 8, Marker: true, Seq: 0x1234, Timestamp: 0x1000, SSRC: 0xdeadbeef, PayloadOffset: 28, PayloadEnd: 31}
	if err != nil || h != want {
		t.Errorf("got %+v, %v, want %+v", h, err, want)
	}
	for end := range 28 {
		if _, err := ParseHeader(packet[:end]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v, want ErrShort", end, err)
		}
	}
	if _, err := ParseHeader(append([]byte{0x40}, packet[1:]...)); !errors.Is(err, ErrVersion) {
		t.Errorf("version 1: %v", err)
	}
	packet[len(packet)-1] = 200
	if _, err := ParseHeader(packet); !errors.Is(err, ErrPadding) {
		t.Errorf("too much padding: %v", err)
	}
}

// FuzzHeader: what both this parser and one of another make take, they read alike, and no offset lies outside the packet.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff})
	f.Add([]byte{0xb2, 0x88, 0x12, 0x34, 0, 0, 0x10, 0, 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x51, 0xff, 0, 0, 1, 2, 3, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		if h.PayloadOffset < fixedHeader || h.PayloadEnd < h.PayloadOffset || h.PayloadEnd > len(b) {
			t.Fatalf("payload from %d to %d of %d", h.PayloadOffset, h.PayloadEnd, len(b))
		}
		var p pion.Packet
		if p.Unmarshal(b) != nil {
			return
		}
		if p.SequenceNumber != h.Seq || p.Timestamp != h.Timestamp || p.SSRC != h.SSRC || p.PayloadType != h.PayloadType || p.Marker != h.Marker {
			t.Fatalf("%+v, but pion reads %+v", h, p.Header)
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 0x8a, 3, 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if (err == nil) != (len(b) >= 4) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err == nil && (e.Code != b[0] || e.Volume > 63) {
			t.Fatalf("%v read as %+v", b, e)
		}
	})
}

// feed sends packets to a source: 20 ms each, sequence numbers as given, arrival in time.
func feed(s *Source, seqs ...uint16) []Placement {
	var out []Placement
	for i, seq := range seqs {
		at := time.Unix(1000, 0).Add(time.Duration(i) * 20 * time.Millisecond)
		out = append(out, s.Update(Header{Seq: seq, Timestamp: uint32(seq) * 160}, at, 8000))
	}
	return out
}

func TestSourceWrapsAndCountsLoss(t *testing.T) {
	var s Source
	p := feed(&s, 65533, 65534, 65535, 0, 1, 4, 5)
	if got := p[6].Seq - p[0].Seq; got != 8 {
		t.Errorf("sequence went on by %d over the wrap, want 8", got)
	}
	if st := s.Stats(); st.Packets != 7 || st.Lost != 2 || st.Late != 0 || st.Duplicate != 0 {
		t.Errorf("stats %+v, want 7 packets, 2 lost", st)
	}
}

func TestSourceTimestampWraps(t *testing.T) {
	var s Source
	at := time.Unix(0, 0)
	first := s.Update(Header{Seq: 1, Timestamp: 0xffffff60}, at, 8000)
	second := s.Update(Header{Seq: 2, Timestamp: 0}, at.Add(20*time.Millisecond), 8000)
	early := s.Update(Header{Seq: 0, Timestamp: 0xfffffec0}, at.Add(21*time.Millisecond), 8000)
	if d := second.Timestamp - first.Timestamp; d != 160 {
		t.Errorf("timestamp went on by %d over the wrap, want 160", d)
	}
	if d := early.Timestamp - first.Timestamp; d != -160 || !early.Late {
		t.Errorf("packet before the first lies at %d, late %v, want -160 and late", d, early.Late)
	}
}

func TestSourceLateAndDuplicate(t *testing.T) {
	var s Source
	p := feed(&s, 10, 12, 11, 12, 11, 9)
	for i, want := range []Placement{{}, {}, {Late: true}, {Duplicate: true}, {Duplicate: true}, {Late: true}} {
		if p[i].Late != want.Late || p[i].Duplicate != want.Duplicate {
			t.Errorf("packet %d: late %v, duplicate %v, want %v, %v", i, p[i].Late, p[i].Duplicate, want.Late, want.Duplicate)
		}
	}
	if st := s.Stats(); st.Packets != 4 || st.Lost != 0 || st.Late != 2 || st.Duplicate != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestSourceRestarts(t *testing.T) {
	var s Source
	p := feed(&s, 10, 11, 30000, 30001)
	if !p[2].Restarted || p[3].Restarted {
		t.Errorf("restarts seen: %v %v, want only the first", p[2].Restarted, p[3].Restarted)
	}
	if st := s.Stats(); st.Restarts != 1 || st.Lost != 0 || st.Packets != 4 {
		t.Errorf("stats %+v, want a restart and no loss", st)
	}
}

func TestJitter(t *testing.T) {
	var even, uneven Source
	at := time.Unix(1000, 0)
	for i := range 200 {
		h := Header{Seq: uint16(i), Timestamp: uint32(i) * 160}
		even.Update(h, at.Add(time.Duration(i)*20*time.Millisecond), 8000)
		uneven.Update(h, at.Add(time.Duration(i)*20*time.Millisecond+time.Duration(i%2)*10*time.Millisecond), 8000)
	}
	if j := even.Stats().JitterTicks; j > 1 {
		t.Errorf("jitter of an even stream is %.2f ticks", j)
	}
	if j := uneven.Stats().JitterTicks; j < 75 || j > 85 { // 10 ms are 80 ticks
		t.Errorf("jitter is %.2f ticks, want about 80", j)
	}
}

func TestMOS(t *testing.T) {
	if m := MOS(0, 0); m < 4.3 || m > 4.5 {
		t.Errorf("perfect stream has MOS %.2f", m)
	}
	last := 5.0
	for loss := 0.0; loss <= 1; loss += 0.05 {
		m := MOS(loss, 5)
		if m > last || m < 1 {
			t.Fatalf("loss of %.2f has MOS %.2f, after %.2f", loss, m, last)
		}
		last = m
	}
}

func TestIsRTCP(t *testing.T) {
	for b, want := range map[[2]byte]bool{{0x80, 200}: true, {0x81, 201}: true, {0x80, 0}: false, {0x80, 0x80 | 8}: false, {0x40, 200}: false} {
		if got := IsRTCP(b[:]); got != want {
			t.Errorf("%v: %v", b, got)
		}
	}
}

func BenchmarkSource(b *testing.B) {
	packet := make([]byte, 172)
	packet[0] = 0x80
	var s Source
	at := time.Unix(1000, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		packet[2], packet[3] = byte(i>>8), byte(i)
		h, err := ParseHeader(packet)
		if err != nil {
			b.Fatal(err)
		}
		s.Update(h, at, 8000)
	}
}
