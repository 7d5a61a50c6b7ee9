package rtp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var epoch = time.Unix(1_800_000_000, 0)

// feed sends packets to a source: 20 ms each, sequence numbers as given, one every 20 ms.
func feed(s *Source, seqs ...uint16) []Placement {
	var out []Placement
	for i, seq := range seqs {
		at := epoch.Add(time.Duration(i) * 20 * time.Millisecond)
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
	first := s.Update(Header{Seq: 1, Timestamp: 0xffffff60}, epoch, 8000)
	second := s.Update(Header{Seq: 2, Timestamp: 0}, epoch.Add(20*time.Millisecond), 8000)
	early := s.Update(Header{Seq: 0, Timestamp: 0xfffffec0}, epoch.Add(21*time.Millisecond), 8000)
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

// TestSourceRestart: two packets in a row make a restart, and the first of them counts as well.
func TestSourceRestart(t *testing.T) {
	var s Source
	p := feed(&s, 10, 11, 30000, 30001, 30002)
	if !p[2].Stray || !p[3].Restarted || p[4].Restarted || p[4].Seq != p[3].Seq+1 {
		t.Errorf("placements %+v, want a stray, a restart, and its successor", p[2:])
	}
	if st := s.Stats(); st.Restarts != 1 || st.Stray != 0 || st.Lost != 0 || st.Packets != 5 {
		t.Errorf("stats %+v, want a restart and no loss", st)
	}
	if p := feed(&s, 29999); !p[0].Late {
		t.Errorf("the packet before the restart is %+v, want late", p[0])
	}
}

// TestSourceStray: one packet out of nowhere disturbs nothing.
func TestSourceStray(t *testing.T) {
	var s Source
	p := feed(&s, 65530, 65531, 30000, 65532, 20000, 40000, 65535)
	if p[6].Seq-p[0].Seq != 5 {
		t.Errorf("sequence went on by %d, want 5", p[6].Seq-p[0].Seq)
	}
	if st := s.Stats(); st.Restarts != 0 || st.Stray != 3 || st.Packets != 4 || st.Lost != 2 {
		t.Errorf("stats %+v, want 3 strays, 4 packets, 2 lost", st)
	}
}

// TestSourceOutage: a sender that went on for two minutes while nothing came through has lost 6000 packets, not restarted.
func TestSourceOutage(t *testing.T) {
	const gap = 6000
	var s Source
	send := func(i uint32, late time.Duration) Placement {
		at := epoch.Add(time.Duration(i)*20*time.Millisecond + late)
		return s.Update(Header{Seq: uint16(65000 + i), Timestamp: 0xffff0000 + i*160}, at, 8000)
	}
	for i := range uint32(10) {
		send(i, 0)
	}
	p := send(10+gap, 300*time.Millisecond)
	if p.Stray || p.Restarted || p.Late {
		t.Errorf("first packet after the outage is %+v", p)
	}
	send(10+gap+1, 0)
	if st := s.Stats(); st.Lost != gap || st.Packets != 12 || st.Restarts != 0 {
		t.Errorf("stats %+v, want %d lost", st, gap)
	}
}

// TestSourceNewSequenceOnOldClock: new sequence numbers with timestamps that go on are a restart, not a loss of thousands.
func TestSourceNewSequenceOnOldClock(t *testing.T) {
	var s Source
	for i, seq := range []uint16{10, 11, 30000, 30001} {
		s.Update(Header{Seq: seq, Timestamp: uint32(i) * 160}, epoch.Add(time.Duration(i)*20*time.Millisecond), 8000)
	}
	if st := s.Stats(); st.Lost != 0 || st.Restarts != 1 || st.Packets != 4 {
		t.Errorf("stats %+v, want a restart and no loss", st)
	}
}

// delayed is a packet and its place among those that arrive.
type delayed struct {
	seq   uint16
	place int
}

// TestSourceCounts sends long streams over a bad network and counts along.
func TestSourceCounts(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var sent []delayed
		var lost, duplicate int64
		for i := range 5000 {
			if i > 0 && i < 4999 && rnd.IntN(20) == 0 {
				lost++
				continue
			}
			sent = append(sent, delayed{uint16(63000 + i), i + rnd.IntN(400)})
			if rnd.IntN(30) == 0 {
				sent = append(sent, delayed{uint16(63000 + i), i + rnd.IntN(400)})
				duplicate++
			}
		}
		slices.SortStableFunc(sent, func(a, b delayed) int { return a.place - b.place })
		var s Source
		for _, d := range sent {
			s.Update(Header{Seq: d.seq, Timestamp: uint32(d.seq) * 160}, epoch, 0)
		}
		st := s.Stats()
		if st.Lost != lost || st.Duplicate != duplicate || st.Packets != 5000-lost || st.Restarts+st.Stray != 0 {
			t.Errorf("seed %d: stats %+v, want %d lost, %d duplicate", seed, st, lost, duplicate)
		}
	}
}

func TestJitter(t *testing.T) {
	var even, uneven, jumping Source
	for i := range 400 {
		h := Header{Seq: uint16(i), Timestamp: 0xffff8000 + uint32(i)*160}
		at := epoch.Add(time.Duration(i) * 20 * time.Millisecond)
		even.Update(h, at, 8000)
		uneven.Update(h, at.Add(time.Duration(i%2)*10*time.Millisecond), 8000)
		if i >= 200 { // the sender's clock is set, and so is ours
			h.Timestamp += 1 << 30
			at = at.Add(time.Hour)
		}
		jumping.Update(h, at, 8000)
	}
	for name, s := range map[string]*Source{"even": &even, "jumping": &jumping} {
		if st := s.Stats(); st.JitterTicks > 1 || st.MeanJitterTicks > 1 {
			t.Errorf("%s stream has a jitter of %.2f ticks, mean %.2f", name, st.JitterTicks, st.MeanJitterTicks)
		}
	}
	st := uneven.Stats() // 10 ms are 80 ticks
	if st.JitterTicks < 79 || st.JitterTicks > 81 || st.MeanJitterTicks < 74 || st.MeanJitterTicks > 80 {
		t.Errorf("jitter is %.2f ticks, mean %.2f, want about 80", st.JitterTicks, st.MeanJitterTicks)
	}
}

// FuzzSource: whatever comes, each packet is counted once, and what is placed is congruent with its header and in a
// place of its own.
func FuzzSource(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 20, 0, 1, 20, 200, 0, 3, 200, 1, 20})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var s Source
		var updates int64
		places := make(map[uint64]bool)
		at := epoch
		for ; len(steps) >= 3; steps = steps[3:] {
			h := Header{Seq: uint16(steps[0])<<8 | uint16(steps[1]), Timestamp: uint32(steps[1]) << (steps[2] % 32)}
			at = at.Add(time.Duration(int8(steps[2])) * time.Second)
			p := s.Update(h, at, 8000*int(steps[0]%3))
			updates++
			if p.Restarted {
				clear(places)
				places[p.Seq-1] = true
			}
			if p.Stray {
				continue
			}
			if uint16(p.Seq) != h.Seq || uint32(p.Timestamp) != h.Timestamp {
				t.Fatalf("%+v placed at %+v", h, p)
			}
			if places[p.Seq] != p.Duplicate {
				t.Fatalf("%+v: duplicate %v, but taken %v", h, p.Duplicate, places[p.Seq])
			}
			places[p.Seq] = true
		}
		st := s.Stats()
		if st.Packets+st.Duplicate+st.Stray != updates || st.Lost < 0 || st.Late > st.Packets {
			t.Fatalf("%d updates, stats %+v", updates, st)
		}
		for _, j := range []float64{st.JitterTicks, st.MeanJitterTicks} {
			if math.IsNaN(j) || j < 0 || j > maxDrift.Seconds()*16000 {
				t.Fatalf("jitter of %v ticks", j)
			}
		}
	})
}

func BenchmarkSource(b *testing.B) {
	packet := make([]byte, 172)
	packet[0] = 0x80
	var s Source
	at := epoch
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		packet[2], packet[3] = byte(i>>8), byte(i)
		packet[5], packet[6], packet[7] = byte(i*160>>16), byte(i*160>>8), byte(i*160)
		h, err := ParseHeader(packet)
		if err != nil {
			b.Fatal(err)
		}
		at = at.Add(20 * time.Millisecond)
		s.Update(h, at, 8000)
	}
}
