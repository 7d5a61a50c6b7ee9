package audio

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// wantGaps compares a channel's gaps.
func wantGaps(t *testing.T, r Result, channel int, want ...Gap) {
	t.Helper()
	if got := r.Channels[channel].Gaps; !slices.Equal(got, want) {
		t.Errorf("channel %d: gaps are %v, want %v", channel, got, want)
	}
}

func TestGapMap(t *testing.T) {
	const ms = time.Millisecond
	rng := rand.New(rand.NewPCG(3, 1))
	v := newVoice(1, 0)
	v.talk(rng, 50, 0) // 0 to 1000 ms
	v.talk(rng, 3, -1) // lost
	v.talk(rng, 47, 0) // 1060 to 2000
	v.pause(4000)      // voice activity detection
	v.talk(rng, 25, 0) // 2500 to 3000
	v.send(13, []byte{70})
	v.pause(8000)
	v.talk(rng, 25, 0) // 4000 to 4500
	digit(v)           // 4500 to 4600
	v.talk(rng, 20, 0) // 4600 to 5000
	v.send(18, []byte("G.729, which nobody offered"))
	v.pause(160)
	v.talk(rng, 24, 0) // 5020 to 5500
	late := newVoice(2, 1500*ms)
	late.talk(rng, 50, 0)
	r, w := render(t, merge(v, late), append(bothPCMU, Stream{3, "nobody", pcmu}), Options{})
	wantAudio(t, w, []*voice{v}, []*voice{late}, nil)
	wantGaps(t, r, 0,
		Gap{1000 * ms, 1060 * ms, CauseLoss}, Gap{2000 * ms, 2500 * ms, CauseSilence}, Gap{3000 * ms, 4000 * ms, CauseSilence},
		Gap{4500 * ms, 4600 * ms, CauseDTMF}, Gap{5000 * ms, 5020 * ms, CauseCodec})
	wantGaps(t, r, 1, Gap{0, 1500 * ms, CauseNotStarted}, Gap{2500 * ms, 5500 * ms, CauseEnded})
	wantGaps(t, r, 2, Gap{0, 5500 * ms, CauseNotStarted})
	ch := r.Channels[0]
	if ch.Lost != 3 || ch.Noise != 1 || ch.Events != 5 || ch.Junk != 1 || ch.Undecoded != 0 || ch.Packets != 197 {
		t.Errorf("got %+v", ch)
	}
}

// digit sends a digit of 100 ms: packets with the timestamp of its beginning, the last one three times (RFC 4733, 2.5.1.4).
// Like those of a log that keeps no digits they have no payload.
func digit(v *voice) {
	begun, at := v.timestamp, v.tick
	for range 3 {
		v.send(101, nil)
		v.tick += 400
	}
	v.send(101, []byte{5, 0x8A, 0x03, 0x20})
	v.send(101, []byte{5, 0x8A, 0x03, 0x20})
	v.timestamp, v.tick = begun+800, at+800
}

// TestLongDigit holds a key for three seconds, while the timestamp stands still.
func TestLongDigit(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 2))
	v := newVoice(1, 0)
	v.talk(rng, 50, 0)
	begun, at := v.timestamp, v.tick
	for range 60 {
		v.send(101, []byte{11, 0x0A, 0, 0})
		v.tick += 400
	}
	v.timestamp, v.tick = begun+24000, at+24000
	v.talk(rng, 50, 0)
	r, w := render(t, merge(v), bothPCMU, Options{})
	wantAudio(t, w, []*voice{v}, nil)
	wantGaps(t, r, 0, Gap{time.Second, 4 * time.Second, CauseDTMF})
}

// TestLossBeforeJump loses packets of which the sender's clock tells, while its packets are late by more than it takes to begin
// a new segment.
func TestLossBeforeJump(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	v := newVoice(1, 0)
	v.talk(rng, 50, 0)
	v.talk(rng, 5, -1)
	release := v.now().Add(2 * time.Second)
	for range 100 {
		v.say(noise(rng, 160), release.Sub(v.now()))
	}
	v.talk(rng, 50, 0)
	r, w := render(t, merge(v), bothPCMU, Options{})
	wantAudio(t, w, []*voice{v}, nil)
	wantGaps(t, r, 0, Gap{time.Second, 1100 * time.Millisecond, CauseLoss})
}

func TestCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	v := newVoice(1, 0)
	v.talk(rng, 100, 0)
	v.say(noise(rng, 160), 70*time.Millisecond) // late
	v.talk(rng, 99, 0)
	log := merge(v)
	log = append(log, log[10], log[20])
	at := log[len(log)-1].At
	rtcp := append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...)
	for _, junk := range [][]byte{
		{}, {0x80}, []byte("OPTIONS sip:x SIP/2.0\r\n"), rtpPacket(99, 1, 2, 3, noise(rng, 160)), rtcp,
	} {
		log = append(log, Packet{1, at, junk}, Packet{7, at, junk})
	}
	opus := map[uint8]Format{96: {Encoding: "OPUS", ClockRate: 48000, Channels: 2}}
	log = append(log, Packet{2, at, rtpPacket(96, 1, 1, 9, noise(rng, 80))})
	r, w := render(t, log.sorted(), []Stream{{1, "a", pcmu}, {2, "b", opus}}, Options{})
	wantAudio(t, w, []*voice{v}, nil)
	a, b := r.Channels[0], r.Channels[1]
	if a.Packets != 200 || a.Bytes != 200*172 || a.Duplicate != 2 || a.Late != 1 || a.Lost != 0 || a.Junk != 4 || r.Stray != 5 {
		t.Errorf("got %+v, %d stray", a, r.Stray)
	}
	if !slices.Equal(a.Codecs, []string{"PCMU"}) || a.ClockRate != 8000 || !slices.Equal(a.SSRCs, []uint32{v.ssrc}) || a.SSRCChanges != 0 {
		t.Errorf("got %+v", a)
	}
	if a.MOS < 4 || a.MOS > 4.5 || a.JitterMS <= 0 || a.JitterMS > 10 {
		t.Errorf("MOS %v, jitter %v ms", a.MOS, a.JitterMS)
	}
	if b.Undecoded != 1 || b.Packets != 1 || b.MOS != 0 || !slices.Equal(b.Codecs, []string{"OPUS"}) {
		t.Errorf("got %+v", b)
	}
}

// TestNothingOffered has a stream of which nothing is known. The static payload types mean the same in every session.
func TestNothingOffered(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	v := newVoice(1, 0)
	v.talk(rng, 10, 0)
	_, w := render(t, merge(v), []Stream{{Number: 1}}, Options{})
	wantAudio(t, w, []*voice{v})
}

// TestGapsWithoutEnd has more gaps than are kept: short ones go first.
func TestGapsWithoutEnd(t *testing.T) {
	v := newVoice(1, 0)
	v.ticks = 8
	said := bytes.Repeat([]byte{7}, 8)
	for i := range maxRuns + 1000 {
		v.say(said, 0)
		v.pause(8)
		if i%1000 == 500 {
			v.pause(800)
		}
	}
	r, _ := render(t, merge(v), bothPCMU[:1], Options{})
	ch := r.Channels[0]
	if len(ch.Gaps) > maxRuns || int64(len(ch.Gaps))+ch.GapsOmitted != maxRuns+999 {
		t.Errorf("%d gaps, %d omitted", len(ch.Gaps), ch.GapsOmitted)
	}
	long := 0
	for _, g := range ch.Gaps {
		if g.To-g.From > 50*time.Millisecond {
			long++
		}
	}
	if long != 67 {
		t.Errorf("%d long gaps are left of 67", long)
	}
}
