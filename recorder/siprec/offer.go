package siprec

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// maxLines bounds the m= lines of an offer; real clients send one to four.
const maxLines = 64

// Offer is what an SDP offer (RFC 8866) says that a recorder needs.
type Offer struct {
	Streams  []OfferStream // one for each m= line, in their order
	Oddities []string
}

// OfferStream is one m= line.
type OfferStream struct {
	Index     int
	Media     string // "audio"
	Proto     string // "RTP/AVP"
	Addr      netip.Addr
	Port      int
	RTCPPort  int // 0 when the offer does not name one
	RTCPMux   bool
	Label     string // RFC 4574
	Direction string // "sendonly", "recvonly", "sendrecv" or "inactive"
	Formats   []Format
	Ptime     int // ms; 0 when the offer does not say
}

// Format is a payload type and what it means.
type Format struct {
	PayloadType uint8
	Encoding    string // upper case
	ClockRate   int    // Hz
	Channels    int
	Fmtp        string
}

// staticFormats are the payload types of RFC 3551 that need no rtpmap.
var staticFormats = map[uint8]Format{
	0:  {PayloadType: 0, Encoding: "PCMU", ClockRate: 8000, Channels: 1},
	3:  {PayloadType: 3, Encoding: "GSM", ClockRate: 8000, Channels: 1},
	4:  {PayloadType: 4, Encoding: "G723", ClockRate: 8000, Channels: 1},
	8:  {PayloadType: 8, Encoding: "PCMA", ClockRate: 8000, Channels: 1},
	9:  {PayloadType: 9, Encoding: "G722", ClockRate: 8000, Channels: 1},
	13: {PayloadType: 13, Encoding: "CN", ClockRate: 8000, Channels: 1},
	18: {PayloadType: 18, Encoding: "G729", ClockRate: 8000, Channels: 1},
}

var (
	errNotSDP    = errors.New("this is no SDP")
	errNoStreams = errors.New("the offer has no streams")
	errManyLines = errors.New("the offer has too many streams")
)

// ParseOffer reads an offer line by line. Lines that make no sense are passed over: a recorder needs addresses, formats and
// labels, and real clients leave out or misspell much of the rest.
func ParseOffer(sdp []byte) (Offer, error) {
	var p offerParser
	for line := range strings.FieldsFuncSeq(string(sdp), func(r rune) bool { return r == '\r' || r == '\n' }) {
		line = strings.TrimSpace(line)
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		p.seen = p.seen || strings.HasPrefix(line, "v=")
		p.line(line[0], line[2:])
	}
	switch {
	case !p.seen:
		return Offer{}, errNotSDP
	case len(p.offer.Streams) == 0:
		return Offer{}, errNoStreams
	case len(p.offer.Streams) > maxLines:
		return Offer{}, errManyLines
	}
	return p.offer, nil
}

// offerParser holds what the session level says, for the m= lines that do not say it themselves.
type offerParser struct {
	offer     Offer
	seen      bool
	addr      netip.Addr
	direction string
}

func (p *offerParser) line(kind byte, value string) {
	current := p.current()
	switch kind {
	case 'c':
		addr := parseConnection(value)
		if current != nil {
			current.Addr = addr
		} else {
			p.addr = addr
		}
	case 'm':
		p.media(value)
	case 'a':
		p.attribute(current, value)
	}
}

func (p *offerParser) current() *OfferStream {
	if n := len(p.offer.Streams); n > 0 {
		return &p.offer.Streams[n-1]
	}
	return nil
}

// parseConnection reads "IN IP4 192.0.2.1" (RFC 8866, 5.7), with or without a TTL.
func parseConnection(value string) netip.Addr {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return netip.Addr{}
	}
	host, _, _ := strings.Cut(fields[2], "/")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// media reads "audio 49170/2 RTP/AVP 0 8" (RFC 8866, 5.14).
func (p *offerParser) media(value string) {
	s := OfferStream{Index: len(p.offer.Streams), Addr: p.addr, Direction: p.direction}
	if s.Direction == "" {
		s.Direction = "sendrecv" // RFC 8866, 6.7
	}
	fields := strings.Fields(value)
	if len(fields) >= 3 {
		s.Media, s.Proto = strings.ToLower(fields[0]), fields[2]
		port, _, _ := strings.Cut(fields[1], "/")
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			s.Port = int(n)
		}
		for _, f := range fields[3:] {
			if pt, err := strconv.ParseUint(f, 10, 7); err == nil {
				s.addFormat(uint8(pt))
			}
		}
	}
	p.offer.Streams = append(p.offer.Streams, s)
}

func (s *OfferStream) addFormat(pt uint8) {
	if s.format(pt) == nil {
		f := staticFormats[pt]
		f.PayloadType = pt
		s.Formats = append(s.Formats, f)
	}
}

func (s *OfferStream) format(pt uint8) *Format {
	for i := range s.Formats {
		if s.Formats[i].PayloadType == pt {
			return &s.Formats[i]
		}
	}
	return nil
}

func (p *offerParser) attribute(s *OfferStream, value string) {
	name, rest, _ := strings.Cut(value, ":")
	switch name {
	case "sendonly", "recvonly", "sendrecv", "inactive":
		if s == nil {
			p.direction = name
		} else {
			s.Direction = name
		}
	}
	if s == nil {
		return
	}
	switch name {
	case "label":
		s.Label = strings.TrimSpace(rest)
	case "rtcp-mux":
		s.RTCPMux = true
	case "rtcp":
		port, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			s.RTCPPort = int(n)
		}
	case "ptime":
		if n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 16); err == nil {
			s.Ptime = int(n)
		}
	case "rtpmap":
		s.rtpmap(rest)
	case "fmtp":
		pt, params, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
			if f := s.format(uint8(n)); f != nil {
				f.Fmtp = strings.TrimSpace(params)
			}
		}
	}
}

// rtpmap reads "96 opus/48000/2" (RFC 8866, 6.6).
func (s *OfferStream) rtpmap(value string) {
	pt, encoding, _ := strings.Cut(strings.TrimSpace(value), " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	if err != nil {
		return
	}
	f := s.format(uint8(n))
	if f == nil {
		return // a map for a format that the m= line does not have
	}
	parts := strings.Split(strings.TrimSpace(encoding), "/")
	f.Encoding, f.Channels = strings.ToUpper(parts[0]), 1
	if len(parts) > 1 {
		if rate, err := strconv.ParseUint(parts[1], 10, 20); err == nil {
			f.ClockRate = int(rate)
		}
	}
	if len(parts) > 2 {
		if ch, err := strconv.ParseUint(parts[2], 10, 8); err == nil {
			f.Channels = int(ch)
		}
	}
}
