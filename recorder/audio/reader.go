package audio

import (
	"slices"
	"strings"
	"time"

	"linewarden/recorder/rtp"
)

const (
	// maxSources of a stream. A sender has one or a few; what a hostile one sends under more is junk.
	maxSources = 1024
	// Clock rates of audio in Hz, from that of G.711 to the highest of RFC 3551.
	minClockRate = 8000
	maxClockRate = 48000
)

// staticFormats hold where nothing was offered (RFC 3551, 6).
var staticFormats = map[uint8]Format{
	0:  {Encoding: "PCMU", ClockRate: 8000},
	8:  {Encoding: "PCMA", ClockRate: 8000},
	13: {Encoding: "CN", ClockRate: 8000},
}

// meaning is what a payload type stands for.
type meaning struct {
	offered   bool
	content   content
	encoding  string
	clockRate int
	table     *decodeTable // of audio
}

// meaningOf says what a format is here. Of one that cannot be decoded the packets still count.
func meaningOf(f Format) meaning {
	m := meaning{offered: true, content: contentOther, encoding: strings.ToUpper(f.Encoding), clockRate: f.ClockRate}
	sane := f.ClockRate >= minClockRate && f.ClockRate <= maxClockRate
	switch {
	case m.encoding == "PCMU" && sane && f.Channels <= 1:
		m.content, m.table = contentAudio, tablePCMU
	case m.encoding == "PCMA" && sane && f.Channels <= 1:
		m.content, m.table = contentAudio, tablePCMA
	case m.encoding == "CN" && sane: // RFC 3389
		m.content = contentNoise
	case m.encoding == "TELEPHONE-EVENT": // RFC 4733
		m.content = contentEvent
	}
	return m
}

// reader follows the packets of one stream. Each pass has its own, and both come to the same conclusions.
type reader struct {
	meanings [128]meaning // by payload type
	timeline *timeline
	sources  map[uint32]*rtp.Source
	latest   *rtp.Source
	channel  Channel
}

func newReader(s Stream) *reader {
	r := &reader{
		timeline: newTimeline(), sources: make(map[uint32]*rtp.Source),
		channel: Channel{Number: s.Number, Label: s.Label},
	}
	formats := s.Formats
	if len(formats) == 0 {
		formats = staticFormats
	}
	for payloadType, f := range formats {
		if int(payloadType) < len(r.meanings) {
			r.meanings[payloadType] = meaningOf(f)
		}
	}
	return r
}

// sound is what a packet holds, and where it belongs.
type sound struct {
	segment *segment // nil when it belongs nowhere
	spot    spot
	content content
	table   *decodeTable
	payload []byte
}

// read takes a packet that arrived now.
func (r *reader) read(p Packet, now time.Duration) sound {
	if rtp.IsRTCP(p.Data) {
		return sound{}
	}
	h, err := rtp.ParseHeader(p.Data)
	if err != nil {
		r.channel.Junk++
		return sound{}
	}
	m := &r.meanings[h.PayloadType]
	if !m.offered {
		r.channel.Junk++
		m = &meaning{content: contentOther}
		if r.sources[h.SSRC] == nil {
			return sound{}
		} // of a source that is known it fills a place among the sequence numbers
	}
	if !r.count(h, m, p) {
		r.channel.Junk++
		return sound{}
	}
	s := sound{content: m.content, table: m.table, payload: p.Data[h.PayloadOffset:h.PayloadEnd]}
	switch m.content {
	case contentAudio, contentNoise:
		c := sourceClock{h.SSRC, m.clockRate}
		if s.content == contentNoise || len(s.payload) == 0 {
			s.content, s.payload = contentNoise, nil
		}
		s.segment, s.spot = r.timeline.locate(c, h.Seq, h.Timestamp, now, s.ticks())
		if s.segment == nil {
			r.channel.Junk++
		}
	default:
		s.payload = nil
		s.segment, s.spot = r.timeline.alongside(h.SSRC, h.Seq)
	}
	return s
}

// ticks is how long a sound lasts: G.711 has a byte for each.
func (s sound) ticks() int64 { return int64(len(s.payload)) }

// count enters a packet in the statistics. It is not ok when there are too many sources.
func (r *reader) count(h rtp.Header, m *meaning, p Packet) (ok bool) {
	ch := &r.channel
	src := r.sources[h.SSRC]
	if src == nil {
		if len(r.sources) == maxSources {
			return false
		}
		src = new(rtp.Source)
		r.sources[h.SSRC] = src
		ch.SSRCs = append(ch.SSRCs, h.SSRC)
	}
	if r.latest != nil && r.latest != src {
		ch.SSRCChanges++
	}
	r.latest = src
	clockRate := m.clockRate
	if m.content != contentAudio {
		clockRate = 0 // the timestamps of digits say nothing of jitter
	}
	if src.Update(h, p.At, clockRate).Duplicate || !m.offered {
		return true
	}
	ch.Packets++
	ch.Bytes += int64(len(p.Data))
	switch m.content {
	case contentAudio:
		if ch.ClockRate == 0 {
			ch.ClockRate = m.clockRate
		}
	case contentNoise:
		ch.Noise++
	case contentEvent:
		ch.Events++
	case contentOther:
		ch.Undecoded++
	}
	if (m.content == contentAudio || m.content == contentOther) && !slices.Contains(ch.Codecs, m.encoding) {
		ch.Codecs = append(ch.Codecs, m.encoding)
	}
	return true
}

// report is the channel with what its sources say in the end.
func (r *reader) report() Channel {
	ch := r.channel
	var jitter float64 // ticks, of each packet
	for _, src := range r.sources {
		st := src.Stats()
		ch.Lost += st.Lost
		ch.Duplicate += st.Duplicate
		ch.Late += st.Late
		jitter += st.JitterTicks * float64(st.Packets)
	}
	if ch.ClockRate > 0 && ch.Packets > 0 {
		ch.JitterMS = 1000 * jitter / float64(ch.Packets) / float64(ch.ClockRate)
		ch.MOS = rtp.MOS(float64(ch.Lost)/float64(ch.Lost+ch.Packets), ch.JitterMS)
	}
	return ch
}
