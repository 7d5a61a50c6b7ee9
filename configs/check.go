package configs

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Roles that api.socket_role may name; what each may do is in daemon/web.
var Roles = []string{"agent", "supervisor", "trainer", "fraud", "privacy", "legal", "abuse", "admin", "recorder-admin", "auditor"}

// maxSessions is recording sessions at once: more than an address has ports for, so a larger number is a slip.
const maxSessions = 100_000

// Forms of names, and what legalName asks for in words.
var (
	nodeName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	headerName = regexp.MustCompile("^[A-Za-z0-9.!%*_+`'~-]+$")           // RFC 3261, 25.1: token
	element    = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}._-]*$`)         // XML's local name
	groupName  = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)           // as groupadd takes it
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`) // the rule of S3
	regionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)    // of S3 stores: eu-north-1, garage
	numberForm = regexp.MustCompile(`^(\+?[0-9]+\*?|\+?\*)$`)             // a number, or its beginning and *
	regionCode = regexp.MustCompile(`^[A-Z]{2,3}(-[A-Z0-9]{1,3})?$`)      // ISO 3166: NO, US-CA; beside them EU, EEA
	legalName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)  // purposes and the like: ends up in object tags
)

const legalWords = "up to 32 letters, digits, dots, dashes and underscores"

// checker finds what is wrong with values that could be read, and between them.
type checker struct {
	*decoder
	c *Config
}

// wrong adds a problem at a key, unless enough has been said of it.
func (k *checker) wrong(key, format string, a ...any) {
	if !k.mute(key) {
		k.problems = append(k.problems, k.problem(key, fmt.Sprintf(format, a...)))
	}
}

func (k *checker) all() {
	if k.c.Node != "" && !nodeName.MatchString(k.c.Node) {
		k.wrong("node", "%s is no name of a daemon; right would be up to 63 letters, digits, dots, dashes and underscores", quote(k.c.Node))
	}
	k.sip()
	k.trunks()
	k.media()
	k.ports()
	k.s3()
	k.nats()
	if !groupName.MatchString(k.c.API.Group) {
		k.wrong("api.group", "%s is no name of a group; right would be linewarden", quote(k.c.API.Group))
	}
	k.oneOf("api.socket_role", k.c.API.SocketRole, Roles)
	k.oneOf("log.level", k.c.Log.Level, []string{"debug", "info", "warn", "error"})
	k.oneOf("log.format", k.c.Log.Format, []string{"text", "json"})
	k.controllers()
	k.purposes()
	k.routes()
}

func (k *checker) oneOf(key, value string, legal []string) {
	if !slices.Contains(legal, value) {
		k.wrong(key, "%s is none of %s", quote(value), strings.Join(legal, ", "))
	}
}

func (k *checker) sip() {
	s := k.c.SIP
	if len(s.Listen) == 0 {
		k.wrong("sip.listen", "at least one is needed; right would be udp://192.0.2.10:5060")
	}
	if len(s.Allow) == 0 {
		k.wrong("sip.allow", "with an empty list nobody may send calls; right would be the addresses of your clients")
	}
	for i, h := range s.TicketHeaders {
		if !headerName.MatchString(h) {
			k.wrong(item("sip.ticket_headers", i), "%s is no name of a header field; right would be X-Ticket-ID", quote(h))
		}
	}
	for i, e := range s.TicketExtensions {
		if !element.MatchString(e) {
			k.wrong(item("sip.ticket_extensions", i), "%s is no name of an element; right would be ticket, without a prefix", quote(e))
		}
	}
	encrypted := slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Network == "tls" })
	switch {
	case encrypted && s.TLS == nil:
		k.wrong("sip.listen", "a tls:// listener needs a certificate, which sip.tls names")
	case s.TLS != nil:
		k.needed("sip.tls.cert_file", s.TLS.CertFile == "", "the file of our certificate and those above it")
		k.needed("sip.tls.key_file", s.TLS.KeyFile == "", "the file of the certificate's key")
	}
	if s.MaxCall.Duration <= 0 {
		k.wrong("sip.max_call", "no call would last; right would be 12h")
	}
	if s.MaxSessions < 1 || s.MaxSessions > maxSessions {
		k.wrong("sip.max_sessions", "right would be from 1 to %d", maxSessions)
	}
}

// needed complains of a key that is missing, or empty.
func (k *checker) needed(key string, missing bool, what string) {
	if missing {
		k.wrong(key, "needed: %s", what)
	}
}

func (k *checker) trunks() {
	owner := make(map[netip.Prefix]string)
	seen := make(map[string]bool)
	for i, t := range k.c.SIP.Trunks {
		key := item("sip.trunks", i)
		k.needed(key+".from", len(t.From) == 0, "the addresses that the trunk's calls come from")
		switch {
		case t.Name == "":
			k.wrong(key+".name", "needed: what routes call the trunk")
		case !legalName.MatchString(t.Name):
			k.wrong(key+".name", "%s is no name; right would be %s", quote(t.Name), legalWords)
		case seen[t.Name]:
			k.wrong(key+".name", "%s is the name of another trunk", quote(t.Name))
		}
		seen[t.Name] = true
		for j, p := range t.From {
			if other, taken := owner[p.Prefix]; taken && other != t.Name {
				k.wrong(item(key+".from", j), "%s is in trunk %s already", p, quote(other))
			}
			owner[p.Prefix] = t.Name
		}
	}
}

// media checks that clients will be told to send media to where it is taken: else calls are recorded as silence.
func (k *checker) media() {
	if len(k.c.SIP.Listen) == 0 || k.mute("sip.listen") || k.mute("rtp.address") {
		return
	}
	bound := k.c.RTP.Address.Addr
	if !bound.IsValid() {
		bound = hostOf(k.c.SIP.Listen[0].Address)
	}
	if told := k.c.SIP.Advertise; told.IsValid() {
		if told.Is4() != bound.Is4() && bound != netip.IPv6Unspecified() {
			k.wrong("sip.advertise", "media is taken on %s, which is of the other IP version; set rtp.address", bound)
		}
		return
	}
	for i, l := range k.c.SIP.Listen {
		if host := hostOf(l.Address); !reaches(host, bound) {
			k.wrong(item("sip.listen", i), "clients that reach %s are told to send media there, and it is taken on %s only; "+
				"set rtp.address to 0.0.0.0 or [::], or sip.advertise", host, bound)
		}
	}
}

// reaches says whether media sent to the address on which SIP came in arrives at a socket bound to another.
func reaches(host, bound netip.Addr) bool {
	switch {
	case bound == netip.IPv6Unspecified(): // takes IPv4 too
		return true
	case bound.IsUnspecified() || host.IsUnspecified():
		return host.Is4() == bound.Is4()
	}
	return host == bound
}

// hostOf is the address in host:port; zero when there is none.
func hostOf(address string) netip.Addr {
	a, _ := netip.ParseAddrPort(address)
	return a.Addr().Unmap()
}

// item is the path of one in a list.
func item(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }
