package rtp

import (
	"bytes"
	"errors"
	"testing"

	pion "github.com/pion/rtp"
)

// everything is a packet with all that a header can have.
var everything = []byte{
	0xb2, 0x88, 0x12, 0x34, 0, 0, 0x10, 0, 0xde, 0xad, 0xbe, 0xef, // V=2, P, X, CC=2; M, PT 8
	0, 0, 0, 1, 0, 0, 0, 2, // CSRC
	0xbe, 0xde, 0, 1, 0x51, 0xff, 0, 0, // extension of one word
	1, 2, 3, 0, 2, // payload and padding
}

func TestParseHeader(t *testing.T) {
	h, err := ParseHeader(everything)
	want := Header{PayloadType: 8, Marker: true, Seq: 0x1234, Timestamp: 0x1000, SSRC: 0xdeadbeef, PayloadOffset: 28, PayloadEnd: 31}
	if err != nil || h != want {
		t.Errorf("got %+v, %v, want %+v", h, err, want)
	}
	if h, err := ParseHeader(everything[:28]); err != nil || h.PayloadEnd != 28 {
		t.Errorf("no payload: %+v, %v", h, err)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for end := range 28 {
		if _, err := ParseHeader(everything[:end]); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v, want ErrShort", end, err)
		}
	}
	for name, c := range map[string]struct {
		at   int
		byte byte
		want error
	}{
		"version 1":        {0, 0x40, ErrVersion},
		"version 3":        {0, 0xc0, ErrVersion},
		"no padding":       {len(everything) - 1, 0, ErrPadding},
		"too much padding": {len(everything) - 1, 6, ErrPadding},
		"long extension":   {23, 3, ErrShort},
	} {
		b := bytes.Clone(everything)
		b[c.at] = c.byte
		if _, err := ParseHeader(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzHeader: what both this parser and one of another make take, they read alike, payload included.
func FuzzHeader(f *testing.F) {
	f.Add(everything)
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff})
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
		if !bytes.Equal(p.Payload, b[h.PayloadOffset:h.PayloadEnd]) {
			t.Fatalf("payload is %x, but pion reads %x", b[h.PayloadOffset:h.PayloadEnd], p.Payload)
		}
	})
}

func TestParseEvent(t *testing.T) {
	got, err := ParseEvent([]byte{11, 0x8a, 0x03, 0x20})
	if want := (Event{Code: 11, End: true, Volume: 10, Duration: 800}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 0x8a, 3, 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if (err == nil) != (len(b) >= eventBlock) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err != nil {
			return
		}
		again := []byte{e.Code, e.Volume | b[1]&0x40, byte(e.Duration >> 8), byte(e.Duration)} // 0x40 is reserved
		if e.End {
			again[1] |= 0x80
		}
		if !bytes.Equal(again, b[:eventBlock]) {
			t.Fatalf("%x read as %+v", b, e)
		}
	})
}

func TestIsRTCP(t *testing.T) {
	for b, want := range map[[2]byte]bool{
		{0x80, 200}: true, {0x81, 201}: true, {0x80, 192}: true, {0x80, 223}: true,
		{0x80, 0}: false, {0x80, 0x80 | 8}: false, {0x80, 191}: false, {0x80, 224}: false, {0x40, 200}: false,
	} {
		if got := IsRTCP(b[:]); got != want {
			t.Errorf("%v: %v, want %v", b, got, want)
		}
	}
	if IsRTCP(nil) || IsRTCP([]byte{0x80}) {
		t.Error("less than two bytes are RTCP")
	}
}

func BenchmarkParseHeader(b *testing.B) {
	packet := make([]byte, 172)
	packet[0] = 0x80
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseHeader(packet); err != nil {
			b.Fatal(err)
		}
	}
}
