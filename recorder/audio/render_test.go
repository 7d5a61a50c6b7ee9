package audio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var bothPCMU = []Stream{{1, "caller", pcmu}, {2, "agent", pcmu}}

// conversation makes two voices that go through everything a network does: delay, skew, loss, reordering, duplicates, pauses,
// wrapping counters, and a sender that begins anew.
func conversation(rng *rand.Rand, payloadType uint8) (caller, agent []*voice) {
	ptimes := []int{80, 160, 240, 320, 400, 480}
	newVoice := func(stream uint16, begin time.Time) *voice {
		return &voice{
			stream: stream, payloadType: payloadType, ssrc: rng.Uint32(), begin: begin, ticks: ptimes[rng.IntN(len(ptimes))],
			seq: uint16(65535 - rng.IntN(200)), timestamp: uint32(1<<32 - 1 - rng.IntN(40000)),
		}
	}
	rant := func(v *voice, packets int, skew time.Duration) {
		for range packets {
			delay := skew + time.Duration(rng.IntN(60_000_000))
			switch n := rng.IntN(100); {
			case n < 8:
				delay = -1
			case n < 10:
				delay += 300 * time.Millisecond
			case n < 12:
				v.pause(rng.IntN(30000))
			}
			v.say(noise(rng, v.ticks), delay)
			if rng.IntN(20) == 0 && delay >= 0 {
				again := v.log[len(v.log)-1]
				again.At = again.At.Add(time.Duration(rng.IntN(100)) * time.Millisecond)
				v.log = append(v.log, again)
			}
		}
	}
	for i, voices := range []*[]*voice{&caller, &agent} {
		stream := uint16(i + 1)
		skew := time.Duration(rng.IntN(150)) * time.Millisecond
		v := newVoice(stream, epoch.Add(time.Duration(rng.IntN(3_000_000_000))))
		rant(v, 300, skew)
		next := newVoice(stream, v.now().Add(2*time.Second))
		rant(next, 300, skew)
		*voices = []*voice{v, next}
	}
	return caller, agent
}

func TestRenderIsBitExact(t *testing.T) {
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 7))
		payloadType, formats, silence := uint8(0), pcmu, byte(0xFF)
		if seed%2 == 1 {
			payloadType, formats, silence = 8, pcma, 0xD5
		}
		caller, agent := conversation(rng, payloadType)
		log := merge(caller[0], caller[1], agent[0], agent[1])
		streams := []Stream{{1, "caller", formats}, {2, "agent", formats}, {3, "silent", formats}}
		r, w := render(t, log, streams, Options{})
		want := reference(silence, caller, agent, nil)
		if !bytes.Equal(w.data, want) {
			at := 0
			for at < min(len(want), len(w.data)) && want[at] == w.data[at] {
				at++
			}
			t.Fatalf("seed %d: audio differs at frame %d; %d bytes, want %d", seed, at/3, len(w.data), len(want))
		}
		if first := firstSent(caller, agent); !r.Start.Equal(first) {
			t.Errorf("seed %d: audio starts at %v, want %v", seed, r.Start, first)
		}
		checkMissing(t, r, caller, agent, nil)
	}
}

// checkMissing checks that the gap map is as long as what was not heard, and what the sender knows of loss.
func checkMissing(t *testing.T, r Result, channels ...[]*voice) {
	t.Helper()
	for c, voices := range channels {
		heard, lost := int64(0), int64(0)
		for _, v := range voices {
			for _, s := range v.said {
				if !s.at.IsZero() {
					heard += int64(len(s.payload))
				}
			}
			lost += missing(v)
		}
		gaps := int64(0)
		for _, g := range r.Channels[c].Gaps {
			gaps += int64((g.To - g.From) / (125 * time.Microsecond))
		}
		if gaps+heard != r.Frames {
			t.Errorf("channel %d: %d frames of gaps and %d heard in %d", c, gaps, heard, r.Frames)
		}
		if got := r.Channels[c].Lost; got != lost {
			t.Errorf("channel %d: %d packets lost, want %d", c, got, lost)
		}
	}
}

// missing is how many packets were lost between the first and the last that came.
func missing(v *voice) int64 {
	first, last, came := -1, -1, 0
	for i, s := range v.said {
		if !s.at.IsZero() {
			if first < 0 {
				first = i
			}
			last = i
			came++
		}
	}
	return int64(last - first + 1 - came)
}

// TestOrderDoesNotMatter shows the same packets in another order: the audio is the same to the last bit.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 11))
		caller, agent := conversation(rng, 0)
		log := merge(caller[0], caller[1], agent[0], agent[1])
		_, want := render(t, log, bothPCMU, Options{})
		for from, to := 0, 0; from < len(log); from = to {
			for to < len(log) && log[to].At.Sub(log[from].At) < 2*time.Second {
				to++
			}
			part := log[from:to]
			rng.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		}
		if _, got := render(t, log, bothPCMU, Options{}); !bytes.Equal(got.data, want.data) {
			t.Fatalf("seed %d: another order makes other audio", seed)
		}
	}
}

func TestMixedLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	u := &voice{stream: 1, payloadType: 0, ssrc: 1, ticks: 160, begin: epoch}
	a := &voice{stream: 2, payloadType: 8, ssrc: 2, ticks: 160, begin: epoch}
	u.talk(rng, 100, 0)
	a.talk(rng, 100, 0)
	r, w := render(t, merge(u, a), []Stream{{1, "u", pcmu}, {2, "a", pcma}}, Options{})
	if r.Encoding != EncodingS16 || r.SampleRate != 8000 || r.Frames != 16000 {
		t.Fatalf("got %s, %d Hz, %d frames", r.Encoding, r.SampleRate, r.Frames)
	}
	left, right := w.channel(0), w.channel(1)
	for i := range left {
		code, other := u.said[i/160].payload[i%160], a.said[i/160].payload[i%160]
		if left[i] != tablePCMU[code] || right[i] != tablePCMA[other] {
			t.Fatalf("frame %d: got %d and %d for codes %#x and %#x", i, left[i], right[i], code, other)
		}
	}
}

// TestMixedRates has a stream of 8 kHz beside one of 16: the former gets a sample between each two of its own.
func TestMixedRates(t *testing.T) {
	wide := map[uint8]Format{96: {Encoding: "pcmu", ClockRate: 16000}}
	low, high := bytes.Repeat([]byte{0x80, 0xFF}, 80), bytes.Repeat([]byte{0x80}, 320)
	log := packets{
		{1, epoch, rtpPacket(0, 1, 0, 1, low)}, {2, epoch, rtpPacket(96, 1, 0, 2, high)},
		{1, epoch.Add(20 * time.Millisecond), rtpPacket(0, 2, 160, 1, low)},
	}
	r, w := render(t, log, []Stream{{1, "low", pcmu}, {2, "high", wide}}, Options{})
	if r.SampleRate != 16000 || r.Encoding != EncodingS16 || r.Frames != 640 {
		t.Fatalf("got %+v", r)
	}
	left, right := w.channel(0), w.channel(1)
	for i, want := range []int16{32124, 16062, 0, 16062, 32124} {
		if left[i] != want || left[i+320] != want {
			t.Errorf("frame %d: got %d and %d, want %d", i, left[i], left[i+320], want)
		}
	}
	if right[0] != 32124 || right[319] != 32124 || right[320] != 0 {
		t.Errorf("got %d … %d, then %d", right[0], right[319], right[320])
	}
}

func TestRF64(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	v := &voice{stream: 1, ssrc: 1, ticks: 160, begin: epoch}
	v.talk(rng, 101, 0)
	_, riff := render(t, merge(v), bothPCMU, Options{})
	_, rf64 := render(t, merge(v), bothPCMU, Options{MaxRIFF: 10000})
	if riff.rf64 || !rf64.rf64 {
		t.Errorf("RF64: %v without a limit, %v over it", riff.rf64, rf64.rf64)
	}
	if !bytes.Equal(riff.data, rf64.data) {
		t.Error("the samples differ")
	}
}

// TestOddFile is mono with an odd number of bytes, which RIFF pads.
func TestOddFile(t *testing.T) {
	log := packets{{1, epoch, rtpPacket(0, 1, 0, 1, []byte{1, 2, 3})}}
	if _, w := render(t, log, bothPCMU[:1], Options{}); !bytes.Equal(w.data, []byte{1, 2, 3}) {
		t.Errorf("got %v", w.data)
	}
}

func TestNothingToHear(t *testing.T) {
	for name, log := range map[string]packets{
		"no packets": nil,
		"only junk":  {{1, epoch, []byte("GET / HTTP/1.1")}, {2, epoch, nil}, {9, epoch, []byte{0x80}}},
	} {
		for n := range 3 {
			r, w := render(t, log, bothPCMU[:n], Options{})
			if r.Frames != 0 || len(w.data) != 0 || !r.Start.IsZero() || r.Duration() != 0 {
				t.Errorf("%s, %d streams: got %+v", name, n, r)
			}
		}
	}
}

// TestLateness has packets so late that their page has left the window. None is lost.
func TestLateness(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	v := &voice{stream: 1, ssrc: 1, ticks: 160, begin: epoch}
	for i := range 15000 {
		delay := time.Duration(0)
		if i%1000 == 500 {
			delay = 5 * time.Minute
		}
		v.say(noise(rng, v.ticks), delay)
	}
	_, w := render(t, merge(v), bothPCMU, Options{})
	if !bytes.Equal(w.data, reference(0xFF, []*voice{v}, nil)) {
		t.Error("audio differs")
	}
}

// TestRecovery renders over the same file twice, as after a crash: the bytes are the same.
func TestRecovery(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	caller, agent := conversation(rng, 0)
	log := merge(caller[0], caller[1], agent[0], agent[1])
	f, err := os.Create(filepath.Join(t.TempDir(), "audio.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var files [2][]byte
	for i := range files {
		if _, err := Render(context.Background(), log, bothPCMU, f, Options{}); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(f.Name()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, "a crash left this")
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the second file differs from the first")
	}
}

var errBroken = errors.New("disk is broken")

type brokenSource struct {
	packets
	good int // passes
}

func (s *brokenSource) Packets(fn func(Packet) error) error {
	if s.good == 0 {
		return errBroken
	}
	s.good--
	return s.packets.Packets(fn)
}

func TestErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	v := &voice{stream: 1, ssrc: 1, ticks: 160, begin: epoch}
	v.talk(rng, 2*checkEvery, 0)
	f, err := os.Create(filepath.Join(t.TempDir(), "audio.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for good := range 2 {
		if _, err := Render(context.Background(), &brokenSource{v.log, good}, bothPCMU, f, Options{}); !errors.Is(err, errBroken) {
			t.Errorf("source that breaks after %d passes: got %v", good, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Render(ctx, v.log, bothPCMU, f, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	f.Close()
	if _, err := Render(context.Background(), v.log, bothPCMU, f, Options{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed file: got %v", err)
	}
}
