package recorder

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"linewarden/recorder/siprec"
)

// Encodings, as rtpmap attributes name them, in upper case.
const (
	encodingPCMU  = "PCMU"
	encodingPCMA  = "PCMA"
	encodingCN    = "CN"
	encodingEvent = "TELEPHONE-EVENT"
)

// maxStreams bounds the m= lines of one session; real clients send one to four.
const maxStreams = 16

var (
	errNoAudio = errors.New("no audio stream in a codec this recorder knows (PCMU, PCMA) over RTP/AVP")
	errStreams = fmt.Errorf("more than %d streams", maxStreams)
)

// offersAudio says whether an offer has a stream that can be recorded.
func offersAudio(o siprec.Offer) bool {
	return slices.ContainsFunc(o.Streams, recordable)
}

// recordable says whether a stream can be recorded: plain RTP audio that has a codec we know.
func recordable(o siprec.OfferStream) bool {
	plain := strings.EqualFold(o.Proto, "RTP/AVP") || strings.EqualFold(o.Proto, "RTP/AVPF")
	return o.Media == "audio" && o.Port != 0 && plain && slices.ContainsFunc(o.Formats, isVoice)
}

func isVoice(f siprec.Format) bool {
	return (f.Encoding == encodingPCMU || f.Encoding == encodingPCMA) && f.ClockRate == 8000
}

func isKnown(f siprec.Format) bool {
	return isVoice(f) || f.Encoding == encodingEvent || f.Encoding == encodingCN
}

// reoffer applies an offer made inside the session.
func (rs *Session) reoffer(req *sip.Request, sdp []byte) ([]byte, error) {
	offer, err := siprec.ParseOffer(sdp)
	if err != nil {
		return nil, fmt.Errorf("the SDP offer cannot be read: %w", err)
	}
	if err := rs.apply(req, offer); err != nil {
		return nil, err
	}
	if err := rs.noteStreams(); err != nil {
		rs.log.Error("note offer; the recording goes on", "error", err)
	}
	return rs.answerTo(offer)
}

// apply opens, keeps and closes streams as an offer has them. On an error they are as they were before.
func (rs *Session) apply(req *sip.Request, offer siprec.Offer) error {
	if len(offer.Streams) > maxStreams {
		return errStreams
	}
	lines, opened, err := rs.matchLines(offer)
	if err != nil {
		for _, st := range opened {
			st.close()
		}
		return err
	}
	client := sourceAddr(req)
	for i, st := range lines {
		if st != nil {
			st.allows(offer.Streams[i], client)
		}
	}
	for _, st := range opened {
		if !slices.Contains(rs.streams, st) {
			rs.streams = append(rs.streams, st)
		}
	}
	rs.closeUnused(lines)
	rs.lines = lines
	return nil
}

// matchLines finds or opens the stream of each m= line. A line keeps its place from offer to offer (RFC 3264, 8); a line
// that comes back with another label is another stream.
func (rs *Session) matchLines(offer siprec.Offer) (lines, opened []*Stream, err error) {
	lines = make([]*Stream, len(offer.Streams))
	next := uint16(len(rs.streams))
	for i, o := range offer.Streams {
		if !recordable(o) {
			continue
		}
		if i < len(rs.lines) && rs.lines[i] != nil && rs.lines[i].offer.Label == o.Label {
			lines[i] = rs.lines[i]
			continue
		}
		st := rs.resting(o.Label, opened)
		if st == nil {
			st, next = rs.newStream(next), next+1
		}
		if st.port, err = rs.server.media.Open(st); err != nil {
			return nil, opened, fmt.Errorf("%w: %w", errBusy, err)
		}
		lines[i], opened = st, append(opened, st)
	}
	return lines, opened, nil
}

// resting finds a stream of this label whose port was closed, as a client does that removes a stream for a hold and brings it
// back: it goes on in its channel. Nil when there is none.
func (rs *Session) resting(label string, opened []*Stream) *Stream {
	for _, st := range rs.streams {
		if label != "" && st.port == nil && st.offer.Label == label && !slices.Contains(opened, st) {
			return st
		}
	}
	return nil
}

// newStream makes a stream that has no port yet.
func (rs *Session) newStream(number uint16) *Stream {
	st := &Stream{number: number, log: rs.entry.Log(), total: &rs.server.Counters}
	st.allow.Store(&permit{})
	return st
}

// closeUnused closes the ports of streams that an offer no longer has. Their channels stay.
func (rs *Session) closeUnused(lines []*Stream) {
	for _, st := range rs.lines {
		if st != nil && !slices.Contains(lines, st) {
			st.close()
		}
	}
}

// answerTo writes the SDP answer: one line for each of the offer's, recvonly, rejected with port 0 (RFC 7866, 8.3.1).
func (rs *Session) answerTo(offer siprec.Offer) ([]byte, error) {
	rs.sdpSeq++
	a := siprec.Answer{Addr: rs.mediaAddr(), SessionID: rs.sdpID, Version: rs.sdpSeq}
	for i, o := range offer.Streams {
		st := rs.lines[i]
		if st == nil {
			a.Streams = append(a.Streams, siprec.AnswerStream{})
			continue
		}
		as := siprec.AnswerStream{Port: int(st.port.RTP()), RTCPPort: int(st.port.RTCP()), RTCPMux: o.RTCPMux, Direction: "recvonly"}
		if o.Direction == "inactive" || o.Direction == "recvonly" {
			as.Direction = "inactive" // RFC 3264, 6.1
		}
		for _, f := range o.Formats {
			if isKnown(f) {
				as.Formats = append(as.Formats, f.PayloadType)
			}
		}
		a.Streams = append(a.Streams, as)
	}
	return offer.Answer(a)
}

// mediaAddr is where the client is told to send media.
func (rs *Session) mediaAddr() netip.Addr {
	if a := rs.server.c.Advertise; a.IsValid() {
		return a
	}
	return rs.dialog.local.Addr()
}

// label names a stream: the offer's a=label, or its number where it has none.
func (st *Stream) label() string {
	if st.offer.Label != "" {
		return st.offer.Label
	}
	return strconv.Itoa(int(st.number))
}
