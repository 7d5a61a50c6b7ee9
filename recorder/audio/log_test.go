package audio

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// epoch is when the logs of the tests begin.
var epoch = time.Date(2026, 3, 14, 9, 26, 53, 589793238, time.UTC)

var (
	pcmu = map[uint8]Format{
		0: {Encoding: "PCMU", ClockRate: 8000, Channels: 1}, 13: {Encoding: "CN", ClockRate: 8000},
		101: {Encoding: "TELEPHONE-EVENT", ClockRate: 8000},
	}
	pcma = map[uint8]Format{8: {Encoding: "PCMA", ClockRate: 8000}}
)

// packets is a log in memory. Like a log on disk it lends its bytes: they are overwritten when the callback returns.
type packets []Packet

func (l packets) Packets(fn func(Packet) error) error {
	var lent []byte
	for _, p := range l {
		lent = append(lent[:0], p.Data...)
		p.Data = lent
		if err := fn(p); err != nil {
			return err
		}
		clear(lent)
	}
	return nil
}

// sorted orders a log by arrival.
func (l packets) sorted() packets {
	slices.SortStableFunc(l, func(a, b Packet) int { return a.At.Compare(b.At) })
	return l
}

// rtpPacket builds a packet from nothing but RFC 3550, 5.1.
func rtpPacket(payloadType uint8, seq uint16, timestamp, ssrc uint32, payload []byte) []byte {
	b := []byte{0x80, payloadType}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, timestamp)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	return append(b, payload...)
}

// voice sends G.711 and remembers what it sent.
type voice struct {
	stream      uint16
	payloadType uint8
	ssrc        uint32
	seq         uint16
	timestamp   uint32
	ticks       int // of a packet

	begin time.Time // when timestamp was sent
	tick  int64     // since begin
	log   packets
	said  []said
}

// said is a payload, and where its sender put it on its own clock.
type said struct {
	tick    int64
	payload []byte
	at      time.Time // arrival; zero when it was lost
}

func (v *voice) now() time.Time { return v.begin.Add(time.Duration(v.tick) * time.Second / 8000) }

// say sends a payload that arrives after a delay; a negative delay loses it.
func (v *voice) say(payload []byte, delay time.Duration) {
	s := said{tick: v.tick, payload: payload}
	if delay >= 0 {
		s.at = v.now().Add(delay)
		v.log = append(v.log, Packet{v.stream, s.at, rtpPacket(v.payloadType, v.seq, v.timestamp, v.ssrc, payload)})
	}
	v.said = append(v.said, s)
	v.seq++
	v.pause(len(payload))
}

// talk sends n packets of random code words with the same delay.
func (v *voice) talk(rng *rand.Rand, n int, delay time.Duration) {
	for range n {
		v.say(noise(rng, v.ticks), delay)
	}
}

// pause lets time pass without a packet.
func (v *voice) pause(ticks int) {
	v.tick += int64(ticks)
	v.timestamp += uint32(ticks)
}

// send puts a packet without audio into the log, now.
func (v *voice) send(payloadType uint8, payload []byte) {
	v.log = append(v.log, Packet{v.stream, v.now(), rtpPacket(payloadType, v.seq, v.timestamp, v.ssrc, payload)})
	v.seq++
}

// offset is when tick 0 would have arrived with the promptest packet: the definition of where a source belongs.
func (v *voice) offset() time.Duration {
	least := time.Duration(1<<63 - 1)
	for _, s := range v.said {
		if !s.at.IsZero() {
			least = min(least, s.at.Sub(epoch)-time.Duration(s.tick)*time.Second/8000)
		}
	}
	return least
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// merge is the log of several voices, by arrival.
func merge(voices ...*voice) packets {
	var l packets
	for _, v := range voices {
		l = append(l, v.log...)
	}
	return l.sorted()
}

// firstSent is when the first audio that reached us was sent.
func firstSent(channels ...[]*voice) time.Time {
	var first time.Time
	for _, voices := range channels {
		for _, v := range voices {
			offset := v.offset()
			for _, s := range v.said {
				sent := epoch.Add(offset + time.Duration(s.tick)*time.Second/8000)
				if !s.at.IsZero() && (first.IsZero() || sent.Before(first)) {
					first = sent
				}
			}
		}
	}
	return first
}

// reference paints what reached us the naive way: everything in memory, every position from the senders' own clocks. Each
// channel is the voices of one stream.
func reference(silence byte, channels ...[]*voice) []byte {
	start := firstSent(channels...).Sub(epoch)
	var canvas []byte
	for c, voices := range channels {
		for _, v := range voices {
			place := int64(math.Round(float64(v.offset()-start) / 125000)) // samples of 125 µs
			for _, s := range v.said {
				if s.at.IsZero() {
					continue
				}
				for i, code := range s.payload {
					at := (int(place+s.tick)+i)*len(channels) + c
					for len(canvas) <= at || len(canvas)%len(channels) != 0 {
						canvas = append(canvas, silence)
					}
					canvas[at] = code
				}
			}
		}
	}
	return canvas
}

// render renders into a file of the test and reads it back with a parser that knows nothing of this package.
func render(t testing.TB, src Source, streams []Stream, o Options) (Result, wavFile) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "audio.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("what an earlier attempt left"); err != nil {
		t.Fatal(err)
	}
	r, err := Render(context.Background(), src, streams, f, o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	w, err := parseWAV(data)
	if err != nil {
		t.Fatal(err)
	}
	checkResult(t, r, w, streams)
	return r, w
}

// checkResult checks what must hold between any result and its file.
func checkResult(t testing.TB, r Result, w wavFile, streams []Stream) {
	t.Helper()
	tag := map[string]int{EncodingPCMU: 7, EncodingPCMA: 6, EncodingS16: 1}[r.Encoding]
	if w.tag != tag || w.rate != r.SampleRate || w.frames() != r.Frames || w.channels != max(1, len(streams)) {
		t.Fatalf("file has format %d, %d Hz, %d channels, %d frames; result %+v", w.tag, w.rate, w.channels, w.frames(), r)
	}
	if len(r.Channels) != len(streams) {
		t.Fatalf("got %d channels for %d streams", len(r.Channels), len(streams))
	}
	for i, ch := range r.Channels {
		if ch.Number != streams[i].Number || ch.Label != streams[i].Label {
			t.Errorf("channel %d is of stream %d", i, ch.Number)
		}
		end := time.Duration(0)
		for _, g := range ch.Gaps {
			if g.From < end || g.To <= g.From || g.To > r.Duration() {
				t.Fatalf("channel %d has gaps %v in %v of audio", i, ch.Gaps, r.Duration())
			}
			end = g.To
		}
	}
	checkPeaks(t, r, w)
}
