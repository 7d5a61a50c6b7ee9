package siprec

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pion/sdp/v3"
)

// Answer is what a recorder answers to an offer.
type Answer struct {
	Addr      netip.Addr // where media is taken
	SessionID uint64
	Version   uint64         // rises with each answer of a session (RFC 3264, 8)
	Streams   []AnswerStream // one for each m= line of the offer
}

// AnswerStream is the answer to one m= line. Port 0 rejects it (RFC 3264, 6).
type AnswerStream struct {
	Port      int
	RTCPPort  int     // 0 is the port above
	RTCPMux   bool    // taken when it was offered
	Formats   []uint8 // payload types of the offer that are taken
	Direction string  // "recvonly" or "inactive"
}

var (
	errAnswerStreams = errors.New("an answer has as many streams as its offer")
	errAnswerAddr    = errors.New("an answer needs an address")
)

// Answer writes the SDP answer to an offer: every m= line in its place, labels repeated (RFC 7866, 8.3.1). What RFC 3264, 6,
// does not allow is not written, whatever a asks for: a stream that was offered with port 0 or of which no format is taken is
// rejected, and one that the client does not send is inactive.
func (o Offer) Answer(a Answer) ([]byte, error) {
	if len(a.Streams) != len(o.Streams) {
		return nil, errAnswerStreams
	}
	if !a.Addr.IsValid() {
		return nil, errAnswerAddr
	}
	addr, kind := a.Addr.Unmap().WithZone(""), "IP4"
	if addr.Is6() {
		kind = "IP6"
	}
	d := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "linewarden", SessionID: a.SessionID, SessionVersion: a.Version,
			NetworkType: "IN", AddressType: kind, UnicastAddress: addr.String(),
		},
		SessionName: "-",
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: kind, Address: &sdp.Address{Address: addr.String()},
		},
		TimeDescriptions: []sdp.TimeDescription{{Timing: sdp.Timing{StartTime: o.start, StopTime: o.stop}}},
	}
	for i, s := range o.Streams {
		d.MediaDescriptions = append(d.MediaDescriptions, answerLine(s, a.Streams[i]))
	}
	b, err := d.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write SDP answer: %w", err)
	}
	return b, nil
}

func answerLine(o OfferStream, a AnswerStream) *sdp.MediaDescription {
	m := &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: orElse(o.Media, "audio"), Port: sdp.RangedPort{Value: a.Port}, Protos: []string{orElse(o.Proto, "RTP/AVP")},
	}}
	for _, pt := range a.Formats {
		if f := o.format(pt); f != nil {
			m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(pt)))
			answerFormat(m, *f)
		}
	}
	if a.Port == 0 || o.Port == 0 || len(m.MediaName.Formats) == 0 {
		m.Attributes = nil
		m.MediaName.Port.Value = 0
		m.MediaName.Formats = []string{orElse(o.firstFormat, "0")} // one there must be; which is of no matter
		return m
	}
	if o.Label != "" {
		m.WithValueAttribute("label", o.Label)
	}
	switch {
	case a.RTCPMux && o.RTCPMux:
		m.WithPropertyAttribute("rtcp-mux")
	case a.RTCPPort != 0 && a.RTCPPort != a.Port+1:
		m.WithValueAttribute("rtcp", strconv.Itoa(a.RTCPPort))
	}
	return m.WithPropertyAttribute(answerDirection(o.Direction, a.Direction))
}

func answerFormat(m *sdp.MediaDescription, f Format) {
	if f.Encoding != "" && f.ClockRate > 0 {
		m.WithValueAttribute("rtpmap", f.line())
	}
	if f.Encoding == encodingEvent && f.Fmtp != "" {
		m.WithValueAttribute("fmtp", fmt.Sprintf("%d %s", f.PayloadType, f.Fmtp))
	}
}

// answerDirection is what may be answered by one who never sends (RFC 3264, 6.1).
func answerDirection(offered, wanted string) string {
	sends := offered == "sendonly" || offered == "sendrecv"
	if sends && wanted != "inactive" {
		return "recvonly"
	}
	return "inactive"
}

// orElse is what the offer said, or a stand-in where it said nothing.
func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
