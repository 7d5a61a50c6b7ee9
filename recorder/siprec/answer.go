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
	RTCPPort  int
	RTCPMux   bool
	Formats   []uint8 // payload types of the offer that are taken
	Direction string  // "recvonly" or "inactive"
}

// Answer writes the SDP answer to an offer: every m= line in its place, labels repeated (RFC 7866, 8.3.1).
func (o Offer) Answer(a Answer) ([]byte, error) {
	if len(a.Streams) != len(o.Streams) {
		return nil, errors.New("an answer has as many streams as its offer")
	}
	kind := "IP4"
	if a.Addr.Is6() {
		kind = "IP6"
	}
	d := sdp.SessionDescription{
		Origin:           sdp.Origin{Username: "linewarden", SessionID: a.SessionID, SessionVersion: a.Version, NetworkType: "IN", AddressType: kind, UnicastAddress: a.Addr.String()},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: kind, Address: &sdp.Address{Address: a.Addr.String()},
		},
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
		Media: token(o.Media, "audio"), Port: sdp.RangedPort{Value: a.Port}, Protos: []string{token(o.Proto, "RTP/AVP")},
	}}
	if a.Port == 0 {
		m.MediaName.Formats = []string{"0"} // at least one is needed; which is of no matter (RFC 3264, 6)
		if len(o.Formats) > 0 {
			m.MediaName.Formats = []string{strconv.Itoa(int(o.Formats[0].PayloadType))}
		}
		return m
	}
	for _, pt := range a.Formats {
		f := o.format(pt)
		if f == nil {
			continue
		}
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(pt)))
		if f.Encoding != "" && f.ClockRate > 0 {
			m.WithValueAttribute("rtpmap", rtpmap(*f))
		}
		if f.Encoding == "TELEPHONE-EVENT" && f.Fmtp != "" {
			m.WithValueAttribute("fmtp", fmt.Sprintf("%d %s", pt, f.Fmtp))
		}
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
	return m.WithPropertyAttribute(a.Direction)
}

func rtpmap(f Format) string {
	name := f.Encoding
	if name == "TELEPHONE-EVENT" {
		name = "telephone-event"
	}
	if f.Channels > 1 {
		return fmt.Sprintf("%d %s/%d/%d", f.PayloadType, name, f.ClockRate, f.Channels)
	}
	return fmt.Sprintf("%d %s/%d", f.PayloadType, name, f.ClockRate)
}

// token is what the offer said, or a stand-in where it said nothing.
func token(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
