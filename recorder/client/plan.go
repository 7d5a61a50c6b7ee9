package client

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	clockRate = 8000 // Hz, of G.711.

	// packetTime is 20 ms, the usual one of G.711 (RFC 3551, 4.2); packetBytes is what it carries.
	packetTime  = 20 * time.Millisecond
	packetBytes = 160

	// maxDuration keeps what is said in a call, which is all in memory before it begins, under 120 MB a leg.
	maxDuration = 4 * time.Hour
)

// plan is a call with everything made up that was left open.
type plan struct {
	server    netip.AddrPort
	transport string // "UDP" or "TCP"
	headers   []header
	parties   [2]party
	law       law
	audio     [2][]byte // Whole packets, as many for both legs.
}

type header struct{ name, value string }

// party is a participant of the communication session.
type party struct{ uri, name string }

func newPlan(c Call) (*plan, error) {
	p := &plan{server: netip.AddrPortFrom(c.Server.Addr().Unmap(), c.Server.Port())}
	if !c.Server.IsValid() || c.Server.Port() == 0 || c.Server.Addr().IsUnspecified() {
		return nil, fmt.Errorf("server %v: want an address and a port", c.Server)
	}
	p.transport = strings.ToUpper(c.Transport)
	switch p.transport {
	case "":
		p.transport = "TCP"
	case "UDP", "TCP":
	default:
		return nil, fmt.Errorf("transport %q: want udp or tcp", c.Transport)
	}
	var err error
	if p.headers, err = checkHeaders(c.Headers); err != nil {
		return nil, err
	}
	for i, text := range [2]string{c.Caller, c.Callee} {
		if text == "" {
			text = [2]string{"caller", "callee"}[i]
		}
		if p.parties[i], err = parseParty(text, p.server.Addr()); err != nil {
			return nil, fmt.Errorf("party %d: %w", i, err)
		}
	}
	return p, p.setAudio(c)
}

func (p *plan) setAudio(c Call) error {
	name := c.Law
	if name == "" {
		name = "PCMU"
	}
	law, ok := laws[name]
	if !ok {
		return fmt.Errorf("law %q: want PCMU or PCMA", c.Law)
	}
	p.law = law
	if c.Duration < 0 || c.Duration > maxDuration {
		return fmt.Errorf("duration %v: want one up to %v", c.Duration, maxDuration)
	}
	n := samples(c.Duration, clockRate)
	if c.Duration == 0 {
		n = max(len(c.Audio[0]), len(c.Audio[1]))
	}
	if n == 0 {
		return errors.New("a call needs a duration or audio")
	}
	n += (packetBytes - n%packetBytes) % packetBytes
	if c.Audio[0] == nil && c.Audio[1] == nil {
		for i, pcm := range Conversation(c.Seed, time.Duration(n)*time.Second/clockRate, clockRate) {
			p.audio[i] = law.encodeAll(pcm)
		}
		return nil
	}
	for i := range p.audio {
		p.audio[i] = slices.Repeat([]byte{law.silence}, n)
		copy(p.audio[i], c.Audio[i])
	}
	return nil
}

// parseParty reads a number, a URI, or a name with a URI in angle brackets. A number gets the recorder's address
// as its domain, since it is part of no network.
func parseParty(text string, domain netip.Addr) (party, error) {
	var p party
	p.uri = strings.TrimSpace(text)
	if name, rest, ok := strings.Cut(p.uri, "<"); ok {
		uri, _, closed := strings.Cut(rest, ">")
		if !closed {
			return party{}, errors.New("an opening angle bracket without a closing one")
		}
		p.name, p.uri = strings.Trim(strings.TrimSpace(name), `"`), strings.TrimSpace(uri)
	}
	if p.uri == "" {
		return party{}, errors.New("neither number nor URI")
	}
	if strings.ContainsFunc(p.uri+p.name, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return party{}, errors.New("control characters")
	}
	if !strings.Contains(p.uri, ":") {
		user, host, _ := strings.Cut(p.uri, "@")
		if host == "" {
			host = domain.String()
			if domain.Is6() {
				host = "[" + host + "]"
			}
		}
		p.uri = "sip:" + url.PathEscape(user) + "@" + host
	}
	return p, nil
}

// says tells whether the caller has asked for a header of this name.
func (p *plan) says(name string) bool {
	return slices.ContainsFunc(p.headers, func(h header) bool { return strings.EqualFold(h.name, name) })
}

// ownHeaders are written by this package, in long and compact form.
var ownHeaders = []string{
	"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "max-forwards", "contact", "m", "require", "accept",
	"content-type", "c", "content-length", "l", "route", "record-route",
}

// checkHeaders returns the headers in a fixed order. A line break in one would start another header.
func checkHeaders(all map[string]string) ([]header, error) {
	const token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~" // RFC 3261, 25.1
	var list []header
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case name == "" || strings.Trim(name, token) != "":
			return nil, fmt.Errorf("header name %q: want letters, digits and dashes", name)
		case slices.Contains(ownHeaders, strings.ToLower(name)):
			return nil, fmt.Errorf("header %s is part of every call and cannot be added", name)
		case strings.ContainsFunc(all[name], func(r rune) bool { return r < ' ' || r == 0x7F }):
			return nil, fmt.Errorf("header %s: control characters in its value", name)
		}
		list = append(list, header{name, strings.TrimSpace(all[name])})
	}
	return list, nil
}
