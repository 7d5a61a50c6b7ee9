package audio

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// newVoice is a plain sender of 20 ms packets.
func newVoice(stream uint16, begin time.Duration) *voice {
	return &voice{stream: stream, ssrc: 0x1000 + uint32(stream), seq: 100, timestamp: 5000, ticks: 160, begin: epoch.Add(begin)}
}

// wantAudio checks that channels hold exactly what the reference says.
func wantAudio(t *testing.T, w wavFile, channels ...[]*voice) {
	t.Helper()
	if want := reference(0xFF, channels...); !bytes.Equal(w.data, want) {
		t.Errorf("audio differs: %d bytes, want %d", len(w.data), len(want))
	}
}

// wantSpeech checks that what a voice said is in a channel, from a frame on, with no gap.
func wantSpeech(t *testing.T, codes []byte, at int64, said []said) {
	t.Helper()
	for i, s := range said {
		from := at + s.tick - said[0].tick
		if end := from + int64(len(s.payload)); end > int64(len(codes)) || !bytes.Equal(codes[from:end], s.payload) {
			t.Fatalf("payload %d is not at frame %d", i, from)
		}
	}
}

// TestAbsurdTimestamp has packets whose timestamps make no sense. They are put where they arrived and cost nothing.
func TestAbsurdTimestamp(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	v := newVoice(1, 0)
	v.talk(rng, 250, 0)
	log := merge(v)
	for i := range 40 {
		seq, timestamp := 100+uint16(6*i), 5000+uint32(i+1)<<26
		log = append(log, Packet{1, epoch.Add(time.Duration(i) * 120 * time.Millisecond), rtpPacket(0, seq, timestamp, v.ssrc, noise(rng, 160))})
	}
	r, w := render(t, log.sorted(), bothPCMU, Options{})
	if r.Frames != 250*160 {
		t.Fatalf("got %d frames of 5 s", r.Frames)
	}
	wantAudio(t, w, []*voice{v}, nil)
}

// TestRaceAhead has a sender whose timestamps run ten times as fast as time: it cannot make the audio longer than a minute
// over the time it took.
func TestRaceAhead(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var log packets
	for i := range 3000 {
		at := epoch.Add(time.Duration(i) * 20 * time.Millisecond)
		log = append(log, Packet{1, at, rtpPacket(0, uint16(i), uint32(i*1600), 1, noise(rng, 160))})
	}
	if r, _ := render(t, log, bothPCMU, Options{}); r.Duration() > 2*time.Minute+time.Second {
		t.Errorf("got %v for a minute of packets", r.Duration())
	}
}

// TestHold has a sender that stops its clock while it is on hold: what follows belongs where it arrived.
func TestHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	before := newVoice(1, 0)
	before.talk(rng, 100, 10*time.Millisecond)
	after := *before
	after.begin, after.tick, after.said, after.log = before.now().Add(time.Minute), 0, nil, nil
	after.talk(rng, 100, 10*time.Millisecond)
	other := newVoice(2, 0)
	other.talk(rng, 3200, 10*time.Millisecond)
	r, w := render(t, merge(before, &after, other), bothPCMU, Options{})
	wantAudio(t, w, []*voice{before, &after}, []*voice{other})
	wantGaps(t, r, 0, Gap{2 * time.Second, 62 * time.Second, CauseRestart})
}

// TestStall has a network that holds everything back for three seconds and then delivers it at once. Nothing moves.
func TestStall(t *testing.T) {
	for _, lost := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(2, 4))
		v := newVoice(1, 0)
		v.talk(rng, 100, 10*time.Millisecond)
		release := v.now().Add(3 * time.Second)
		for range 150 {
			v.say(noise(rng, 160), release.Sub(v.now()))
		}
		if lost {
			for range 5 {
				v.say(noise(rng, 160), -1)
			}
		}
		v.talk(rng, 100, 10*time.Millisecond)
		r, w := render(t, merge(v), bothPCMU, Options{})
		wantAudio(t, w, []*voice{v}, nil)
		if got := r.Channels[0].Gaps; lost && (len(got) != 1 || got[0].Cause != CauseLoss) || !lost && got != nil {
			t.Errorf("lost %v: gaps are %v", lost, got)
		}
	}
}

// TestLateStart has a first packet that takes much longer than the others. It is still the first.
func TestLateStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	for name, delays := range map[string][]time.Duration{
		"before the second": {3 * time.Second, 3 * time.Second, 0, 0},
		"after the third":   {900 * time.Millisecond, 0, 0, 0},
	} {
		v := newVoice(1, 0)
		for _, d := range delays {
			v.say(noise(rng, 160), d)
		}
		v.talk(rng, 300, 0)
		if name == "before the second" { // as if both had waited in one queue
			v.log[0].At = v.log[1].At
		}
		_, w := render(t, merge(v), bothPCMU, Options{})
		t.Run(name, func(t *testing.T) { wantAudio(t, w, []*voice{v}, nil) })
	}
}

// TestTakeover has a source that takes over from another, and seems to begin a little before the other ends.
func TestTakeover(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 6))
	first := newVoice(1, 0)
	first.talk(rng, 100, 80*time.Millisecond)
	second := newVoice(1, 2*time.Second)
	second.ssrc, second.timestamp, second.seq = 77, 1<<31, 9
	second.talk(rng, 100, 15*time.Millisecond)
	r, w := render(t, merge(first, second), bothPCMU, Options{})
	wantSpeech(t, w.codes(0), 0, first.said)
	wantSpeech(t, w.codes(0), 100*160, second.said)
	ch := r.Channels[0]
	if len(ch.SSRCs) != 2 || ch.SSRCChanges < 1 || ch.Lost != 0 || ch.Gaps != nil {
		t.Errorf("got %+v", ch)
	}
}

// TestTwoSources has two sources at once for a long time: neither moves the other.
func TestTwoSources(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 7))
	first, second := newVoice(1, 0), newVoice(1, 5*time.Second)
	second.ssrc = 77
	first.talk(rng, 1000, 0)
	second.talk(rng, 1000, 0)
	r, w := render(t, merge(first, second), bothPCMU, Options{})
	if r.Duration() != 25*time.Second {
		t.Errorf("got %v", r.Duration())
	}
	wantSpeech(t, w.codes(0), 0, first.said[:250])
	wantSpeech(t, w.codes(0), 20*8000, second.said[750:])
}

// TestClockIsSet has the machine's clock set back by an hour, and forward by a month, during the call.
func TestClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, 30 * 24 * time.Hour} {
		rng := rand.New(rand.NewPCG(2, 8))
		v := newVoice(1, 0)
		v.talk(rng, 500, 0)
		log := merge(v)
		for i := range log[250:] {
			log[250+i].At = log[250+i].At.Add(step)
		}
		r, w := render(t, log, bothPCMU, Options{})
		wantAudio(t, w, []*voice{v}, nil)
		if off := r.Start.Sub(epoch).Abs(); off > 20*time.Millisecond { // how long the setting took is not known
			t.Errorf("audio starts at %v, want %v", r.Start, epoch)
		}
	}
}

// TestDrift has a sender whose clock is wrong by 500 ppm. Its samples stay in one piece.
func TestDrift(t *testing.T) {
	for _, ppm := range []int{-500, 500} {
		rng := rand.New(rand.NewPCG(2, 9))
		v := newVoice(1, 0)
		v.talk(rng, 60_000, 5*time.Millisecond) // twenty minutes
		for i := range v.log {
			v.log[i].At = v.log[i].At.Add(v.log[i].At.Sub(epoch) / 1e6 * time.Duration(ppm))
		}
		r, w := render(t, merge(v), bothPCMU[:1], Options{})
		wantSpeech(t, w.codes(0), 0, v.said)
		if r.Channels[0].Gaps != nil {
			t.Errorf("%d ppm: gaps are %v", ppm, r.Channels[0].Gaps)
		}
	}
}

// TestTooLong has packets from beyond the longest call. They are junk.
func TestTooLong(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 10))
	v := newVoice(1, 0)
	v.talk(rng, 600, 0)
	r, _ := render(t, merge(v), bothPCMU, Options{MaxDuration: 10 * time.Second})
	if r.Duration() < 10*time.Second || r.Duration() > 11*time.Second || r.Channels[0].Junk < 90 {
		t.Errorf("got %v, %d packets junk", r.Duration(), r.Channels[0].Junk)
	}
}

// TestSourcesWithoutEnd has every packet from another source, and then a source whose clock jumps with every packet.
func TestSourcesWithoutEnd(t *testing.T) {
	var log packets
	for i := range 12000 {
		at, ssrc := epoch.Add(time.Duration(i)*time.Millisecond), uint32(i)
		if i > 2*maxSources {
			ssrc = 5
		}
		log = append(log, Packet{1, at, rtpPacket(0, uint16(i*7919), uint32(i)*0x10001000, ssrc, []byte{1, 2, 3})})
	}
	r, _ := render(t, log, bothPCMU, Options{})
	ch := r.Channels[0]
	if len(ch.SSRCs) != maxSources || ch.Junk == 0 || r.Duration() > 2*time.Minute {
		t.Errorf("got %d sources, %d packets junk, %v", len(ch.SSRCs), ch.Junk, r.Duration())
	}
}
