package audio

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

const (
	defaultMaxDuration = 26 * time.Hour
	// checkEvery is how many packets are read between two looks at whether the work is still wanted.
	checkEvery = 4096
	// defaultRate in Hz is that of audio that has no packets.
	defaultRate = 8000
)

// Render works the packets of src into wav: one channel for each of streams, in their order. It reads src twice: first to
// learn where each segment of each stream belongs, then to put its samples there. A log of nothing but junk gives an
// empty file. Errors are those of src, of the file and of ctx. The file is neither synced nor closed.
func Render(ctx context.Context, src Source, streams []Stream, wav *os.File, o Options) (Result, error) {
	if o.MaxDuration <= 0 {
		o.MaxDuration = defaultMaxDuration
	}
	if o.MaxRIFF <= 0 || o.MaxRIFF > maxRIFF {
		o.MaxRIFF = maxRIFF
	}
	survey := newPass(streams, o.MaxDuration)
	if err := survey.run(ctx, src, survey.note); err != nil {
		return Result{}, fmt.Errorf("survey packets: %w", err)
	}
	l := survey.layout()
	start, frames := survey.place(l.rate)

	header := l.header(frames, o.MaxRIFF)
	if err := prepare(wav, header, frames*int64(l.frame())); err != nil {
		return Result{}, err
	}
	p := &painter{canvas: newCanvas(wav, l, int64(len(header)), frames), survey: survey}
	again := newPass(streams, o.MaxDuration)
	if err := again.run(ctx, src, p.paint); err != nil {
		return Result{}, fmt.Errorf("place packets: %w", err)
	}
	if err := p.canvas.finish(); err != nil {
		return Result{}, err
	}
	return survey.result(l, start, frames, p.canvas.peaks), nil
}

// pass is one reading of all packets.
type pass struct {
	clock   arrivals
	readers []*reader      // in the order of the streams
	byName  map[uint16]int // index of a stream's reader by its number
	stray   int64

	// Of what was heard, by the survey.
	tables map[*decodeTable]bool
	rate   int // the highest
	mixed  bool
}

func newPass(streams []Stream, longest time.Duration) *pass {
	p := &pass{
		clock: arrivals{longest: longest}, byName: make(map[uint16]int, len(streams)),
		tables: make(map[*decodeTable]bool),
	}
	for i, s := range streams {
		p.readers = append(p.readers, newReader(s))
		if _, taken := p.byName[s.Number]; !taken {
			p.byName[s.Number] = i
		}
	}
	return p
}

// run reads all packets and calls fn with every sound that has a place.
func (p *pass) run(ctx context.Context, src Source, fn func(channel int, s sound) error) error {
	n := 0
	return src.Packets(func(packet Packet) error {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		now, near := p.clock.at(packet.At)
		channel, wanted := p.byName[packet.Stream]
		switch {
		case !wanted:
			p.stray++
			return nil
		case !near:
			p.readers[channel].channel.Junk++
			return nil
		}
		s := p.readers[channel].read(packet, now)
		if s.segment == nil {
			return nil
		}
		return fn(channel, s)
	})
}

// note is what the survey does with a sound.
func (p *pass) note(channel int, s sound) error {
	p.readers[channel].timeline.note(s.segment, s.spot, s.ticks(), s.content)
	if s.content == contentAudio {
		p.tables[s.table] = true
		p.mixed = p.mixed || p.rate > 0 && p.rate != s.segment.clockRate
		p.rate = max(p.rate, s.segment.clockRate)
	}
	return nil
}

// layout of the file: as the packets have it when all have the same, so that not a bit is lost, else linear.
func (p *pass) layout() layout {
	l := layout{encoding: EncodingPCMU, rate: max(p.rate, defaultRate), channels: max(1, len(p.readers))}
	switch {
	case p.mixed || len(p.tables) > 1:
		l.encoding = EncodingS16
	case p.tables[tablePCMA]:
		l.encoding = EncodingPCMA
	}
	return l
}

// place puts all segments on one clock.
func (p *pass) place(rate int) (start time.Duration, frames int64) {
	timelines := make([]*timeline, 0, len(p.readers))
	for _, r := range p.readers {
		joinSegments(r.timeline.segments)
		timelines = append(timelines, r.timeline)
	}
	start, frames = placeSegments(timelines, rate)
	for _, t := range timelines {
		findRivals(t.heard(), rate)
	}
	return start, frames
}

func (p *pass) result(l layout, start time.Duration, frames int64, peaks Peaks) Result {
	res := Result{
		Frames: frames, SampleRate: l.rate, Encoding: l.encoding, Stray: p.stray, Peaks: peaks,
		Channels: make([]Channel, 0, len(p.readers)),
	}
	if frames > 0 {
		res.Start = p.clock.wall(start)
	}
	for _, r := range p.readers {
		ch := r.report()
		ch.Gaps, ch.GapsOmitted = gaps(r.timeline.heard(), frames, l.rate)
		res.Channels = append(res.Channels, ch)
	}
	return res
}

// painter puts sounds where the survey found that they belong.
type painter struct {
	canvas *canvas
	survey *pass
	linear []byte // reused
}

func (p *painter) paint(channel int, s sound) error {
	if s.content != contentAudio {
		return nil
	}
	g := p.survey.readers[channel].timeline.segments[s.segment.number]
	l := p.canvas.layout
	from, to := g.frames(s.spot.tick, s.spot.tick+s.ticks(), l.rate)
	bytes := s.payload
	if l.encoding == EncodingS16 {
		p.linear = decode(p.linear[:0], s.payload, s.table, int(to-from))
		bytes = p.linear
	}
	if len(g.rivals) == 0 {
		return p.canvas.paint(channel, from, bytes)
	}
	return unclaimed(from, to, g.rivals, func(a, b int64) error {
		width := int64(l.width())
		return p.canvas.paint(channel, a, bytes[(a-from)*width:(b-from)*width])
	})
}

// decode appends the n samples of a payload that lasts n frames, on straight lines between those it has.
func decode(dst, payload []byte, table *decodeTable, n int) []byte {
	if n == len(payload) {
		for _, code := range payload {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(table[code]))
		}
		return dst
	}
	for i := range n {
		j, rest := i*len(payload)/n, i*len(payload)%n
		v := int(table[payload[j]])
		if rest > 0 && j+1 < len(payload) {
			v += (int(table[payload[j+1]]) - v) * rest / n
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(int16(v)))
	}
	return dst
}
