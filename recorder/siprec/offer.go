package siprec

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxLines bounds the m= lines of an offer; real clients send one to four.
const maxLines = 64

// Offer is what an SDP offer (RFC 8866) says that a recorder needs.
type Offer struct {
	Streams  []OfferStream // one for each m= line, in their order
	Oddities []string      // what was not as the standards have it, in fixed words

	start, stop uint64 // of the t= line, which the answer repeats (RFC 3264, 6)
}

// OfferStream is one m= line.
type OfferStream struct {
	Index     int
	Media     string     // "audio", lower case
	Proto     string     // "RTP/AVP"
	Addr      netip.Addr // not valid when the offer names none, or a host
	Port      int
	RTCPPort  int // 0 when the offer does not name one
	RTCPMux   bool
	Label     string // RFC 4574
	Direction string // "sendonly", "recvonly", "sendrecv" or "inactive"
	Formats   []Format
	Ptime     int // ms; 0 when the offer does not say

	firstFormat string // as it stands, since not every proto has payload types
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
		p.version = p.version || strings.HasPrefix(line, "v=")
		p.line(line[0], strings.TrimSpace(line[2:]))
	}
	switch n := len(p.offer.Streams); {
	case n == 0 && !p.version:
		return Offer{}, errNotSDP
	case n == 0:
		return Offer{}, errNoStreams
	case n > maxLines:
		return Offer{}, errManyLines
	}
	p.check()
	return p.offer, nil
}

// offerParser holds what the session level says, for the m= lines that do not say it themselves.
type offerParser struct {
	offer     Offer
	version   bool // there was a v= line
	addr      netip.Addr
	direction string
}

func (p *offerParser) line(kind byte, value string) {
	current := p.current()
	switch kind {
	case 'c':
		addr, ok := parseConnection(value)
		if !ok {
			p.odd("a connection address that is none")
		}
		if current != nil {
			current.Addr = addr
		} else {
			p.addr = addr
		}
	case 't':
		start, stop, _ := strings.Cut(value, " ")
		p.offer.start = number(start, 64)
		p.offer.stop = number(strings.TrimSpace(stop), 64)
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

// check notes what should have been there.
func (p *offerParser) check() {
	if !p.version {
		p.odd("the offer has no v= line")
	}
	labels := make(map[string]bool)
	for _, s := range p.offer.Streams {
		if s.Media != "audio" || s.Port == 0 {
			continue
		}
		if s.Label == "" {
			p.odd("a stream has no label") // RFC 7866, 7.1.1
		} else if labels[s.Label] {
			p.odd("two streams have the same label")
		}
		labels[s.Label] = true
	}
}

func (p *offerParser) odd(what string) {
	if !slices.Contains(p.offer.Oddities, what) {
		p.offer.Oddities = append(p.offer.Oddities, what)
	}
}

// parseConnection reads "IN IP4 192.0.2.1" (RFC 8866, 5.7), with or without a TTL.
func parseConnection(value string) (netip.Addr, bool) {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return netip.Addr{}, false
	}
	host, _, _ := strings.Cut(fields[2], "/")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// media reads "audio 49170/2 RTP/AVP 0 8" (RFC 8866, 5.14). A line that cannot be read keeps its place.
func (p *offerParser) media(value string) {
	s := OfferStream{Index: len(p.offer.Streams), Addr: p.addr, Direction: p.direction}
	if s.Direction == "" {
		s.Direction = "sendrecv" // RFC 8866, 6.7
	}
	fields := strings.Fields(value)
	if len(fields) < 4 {
		p.odd("an m= line that cannot be read")
		fields = append(fields, "", "", "", "")
	}
	s.Media, s.Proto, s.firstFormat = strings.ToLower(fields[0]), fields[2], fields[3]
	port, _, _ := strings.Cut(fields[1], "/")
	s.Port = int(number(port, 16))
	for _, f := range fields[3:] {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil {
			s.addFormat(uint8(pt))
		}
	}
	p.offer.Streams = append(p.offer.Streams, s)
}

// attribute reads an a= line, of an m= line or of the session (RFC 8866, 6).
func (p *offerParser) attribute(s *OfferStream, attribute string) {
	name, value, _ := strings.Cut(attribute, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
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
		s.Label = value
	case "rtcp-mux": // RFC 5761, 5.1.1
		s.RTCPMux = true
	case "rtcp": // RFC 3605
		port, _, _ := strings.Cut(value, " ")
		s.RTCPPort = int(number(port, 16))
	case "ptime":
		s.Ptime = int(number(value, 16))
	case "rtpmap":
		s.rtpmap(value)
	case "fmtp":
		s.fmtp(value)
	}
}

// number reads a number of so many bits; what is none is 0.
func number(s string, bits int) uint64 {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0
	}
	return n
}
