package configs

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Roles that api.socket_role may name; what each may do is in daemon/web.
var Roles = []string{"agent", "supervisor", "trainer", "fraud", "privacy", "legal", "abuse", "admin", "recorder-admin", "auditor"}

// name is what purposes, controllers, routes and trunks may be called: names end up in object tags.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

// maxPurposes bounds the purposes of a route: their names share one object tag of 256 characters.
const maxPurposes = 7

// headerName is a SIP header field's name (RFC 3261, 25.1, token).
var headerName = regexp.MustCompile("^[A-Za-z0-9.!%*_+`'~-]+$")

// number is a telephone number, or its beginning and *.
var number = regexp.MustCompile(`^\+?[0-9]*\*?$`)

// checker finds what is wrong between settings that are right each by itself.
type checker struct {
	*decoder
	c *Config
}

// wrong adds a problem at a key, or at the nearest key above it that the file has.
func (k *checker) wrong(key, format string, a ...any) {
	at := key
	for at != "" && k.places[at] == nil {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	k.add(k.places[at], key, fmt.Sprintf(format, a...))
}

func (k *checker) all() {
	k.sip()
	k.stores()
	k.names()
	k.purposes()
	k.routes()
	oneOf(k, "api.socket_role", k.c.API.SocketRole, Roles)
	oneOf(k, "log.level", k.c.Log.Level, []string{"debug", "info", "warn", "error"})
	oneOf(k, "log.format", k.c.Log.Format, []string{"text", "json"})
}

func oneOf(k *checker, key, value string, legal []string) {
	if !slices.Contains(legal, value) {
		k.wrong(key, "%q is none of %s", value, strings.Join(legal, ", "))
	}
}

func (k *checker) sip() {
	s := k.c.SIP
	for i, h := range s.TicketHeaders {
		if !headerName.MatchString(h) {
			k.wrong(fmt.Sprintf("sip.ticket_headers[%d]", i), "%q is no name of a header field; right would be X-Ticket-ID", h)
		}
	}
	encrypted := slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Network == "tls" })
	switch {
	case encrypted && s.TLS == nil:
		k.wrong("sip.listen", "a tls:// listener needs a certificate, which sip.tls names")
	case s.TLS != nil && (s.TLS.CertFile == "" || s.TLS.KeyFile == ""):
		k.wrong("sip.tls", "needs cert_file and key_file")
	}
	if s.MaxSessions < 1 || s.MaxSessions > 100_000 {
		k.wrong("sip.max_sessions", "right would be from 1 to 100000")
	}
	seen := make(map[string]bool)
	for i, t := range s.Trunks {
		key := fmt.Sprintf("sip.trunks[%d]", i)
		switch {
		case t.Name == "" || len(t.From) == 0:
			k.wrong(key, "a trunk needs name and from")
		case seen[t.Name]:
			k.wrong(key+".name", "%q is the name of another trunk", t.Name)
		}
		seen[t.Name] = true
	}
	first, err := netip.ParseAddrPort(s.Listen[0].Address)
	if err == nil && first.Addr().IsUnspecified() && !s.Advertise.IsValid() && first.Addr().Is6() && k.c.RTP.Address.IsValid() && k.c.RTP.Address.Is4() {
		k.wrong("rtp.address", "SIP listens on IPv6 and media on IPv4; set sip.advertise, or the same family for both")
	}
}

func (k *checker) stores() {
	if s3 := k.c.S3; s3 != nil {
		if s3.Endpoint.URL == nil {
			k.wrong("s3.endpoint", "needed; right would be https://s3.example.com")
		} else if s3.Endpoint.Scheme != "https" && s3.Endpoint.Scheme != "http" {
			k.wrong("s3.endpoint", "the scheme %q is neither https nor http", s3.Endpoint.Scheme)
		}
		if s3.Bucket == "" {
			k.wrong("s3.bucket", "needed: the name of the bucket")
		}
		if s3.AccessKeyFile == "" || s3.SecretKeyFile == "" {
			k.wrong("s3", "needs access_key_file and secret_key_file: files that hold nothing but the key")
		}
	}
	n := k.c.NATS
	if len(n.URL) > 0 && n.Listen.Address != "" {
		k.wrong("nats.listen", "is for the embedded server, and nats.url names another; keep one of them")
	}
	if len(n.URL) == 0 && (n.CredsFile != "" || n.TLS != nil) {
		k.wrong("nats", "creds_file and tls are for a server elsewhere, and nats.url names none")
	}
	if n.TLS != nil && (n.TLS.CertFile == "") != (n.TLS.KeyFile == "") {
		k.wrong("nats.tls", "cert_file and key_file go together")
	}
	if !slices.Contains([]int{1, 3, 5}, n.Replicas) {
		k.wrong("nats.replicas", "right would be 1, 3 or 5")
	} else if n.Replicas > 1 && len(n.URL) == 0 {
		k.wrong("nats.replicas", "the embedded server is one; replicas need a cluster, named by nats.url")
	}
}

// names checks what the file itself gives names to.
func (k *checker) names() {
	for what, names := range map[string][]string{"controllers": keys(k.c.Controllers), "purposes": keys(k.c.Purposes)} {
		for _, n := range names {
			if !name.MatchString(n) {
				k.wrong(what+"."+n, "a name has up to 32 letters, digits, dots, dashes and underscores")
			}
		}
	}
	if len(k.c.Controllers) > 1 {
		k.wrong("controllers", "one daemon records for one controller; run another daemon for the other")
	}
	for n, controller := range k.c.Controllers {
		if controller.RecipientFile == "" {
			k.wrong("controllers."+n, "needs recipient_file: an age public key, which age-keygen makes")
		}
	}
}

func (k *checker) purposes() {
	for n, p := range k.c.Purposes {
		key := "purposes." + n
		switch {
		case p.Keep.Duration <= 0:
			k.wrong(key+".keep", "needed, and more than nothing; right would be 180d")
		case p.LegalMinimum.Duration > p.Keep.Duration:
			k.wrong(key+".keep", "is shorter than legal_minimum")
		case p.Statute != "" && p.LegalMinimum.Duration == 0:
			k.wrong(key+".statute", "names a law, but legal_minimum does not say what it asks for")
		}
	}
}

func (k *checker) routes() {
	trunks := make([]string, 0, len(k.c.SIP.Trunks))
	for _, t := range k.c.SIP.Trunks {
		trunks = append(trunks, t.Name)
	}
	for i, r := range k.c.Routes {
		key := fmt.Sprintf("routes[%d]", i)
		if !name.MatchString(r.Name) {
			k.wrong(key+".name", "needed: up to 32 letters, digits, dots, dashes and underscores")
		}
		if r.Residency != "" && !name.MatchString(r.Residency) {
			k.wrong(key+".residency", "right would be a code such as NO, IE or EU")
		}
		if len(r.Purposes) == 0 || len(r.Purposes) > maxPurposes {
			k.wrong(key+".purposes", "needs from 1 to %d of %s", maxPurposes, strings.Join(keys(k.c.Purposes), ", "))
		}
		for j, p := range r.Purposes {
			k.known(fmt.Sprintf("%s.purposes[%d]", key, j), "purposes", p, keys(k.c.Purposes))
		}
		if len(k.c.Controllers) > 0 {
			k.known(key+".controller", "controllers", r.Controller, keys(k.c.Controllers))
		}
		if r.Match.Trunk != "" {
			k.known(key+".match.trunk", "sip.trunks", r.Match.Trunk, trunks)
		}
		for field, pattern := range map[string]string{"caller": r.Match.Caller, "callee": r.Match.Callee} {
			if !number.MatchString(pattern) {
				k.wrong(key+".match."+field, "%q is no number; right would be +4722000100, or +47* for all that begin so", pattern)
			}
		}
	}
}

// known checks that a name is defined where it must be.
func (k *checker) known(key, where, n string, names []string) {
	if slices.Contains(names, n) {
		return
	}
	if near := closest(n, names); near != "" {
		k.wrong(key, "%q is not in %s; %s was probably meant", n, where, near)
		return
	}
	k.wrong(key, "%q is not in %s, which has: %s", n, where, strings.Join(names, ", "))
}

// CheckFiles says which files that a configuration names cannot be read by this process.
func (c *Config) CheckFiles() []error {
	files := []File{c.PseudonymKeyFile, c.NATS.CredsFile}
	if c.SIP.TLS != nil {
		files = append(files, c.SIP.TLS.CertFile, c.SIP.TLS.KeyFile, c.SIP.TLS.ClientCAFile)
	}
	if c.S3 != nil {
		files = append(files, c.S3.AccessKeyFile, c.S3.SecretKeyFile, c.S3.CAFile)
	}
	if c.NATS.TLS != nil {
		files = append(files, c.NATS.TLS.CAFile, c.NATS.TLS.CertFile, c.NATS.TLS.KeyFile)
	}
	for _, n := range keys(c.Controllers) {
		files = append(files, c.Controllers[n].RecipientFile, c.Controllers[n].IdentityFile)
	}
	var errs []error
	for _, f := range files {
		if f == "" {
			continue
		}
		if file, err := os.Open(f.Path()); err != nil {
			errs = append(errs, err)
		} else {
			file.Close()
		}
	}
	return errs
}

// Warnings are settings that are legal, and seldom meant.
func (c *Config) Warnings() []string {
	var w []string
	for _, p := range c.SIP.Allow {
		if p.Bits() == 0 {
			w = append(w, "sip.allow lets anybody send calls: a stranger can fill the disk")
		}
	}
	if c.S3 != nil && c.S3.Endpoint.Scheme == "http" {
		w = append(w, "s3.endpoint is http: recordings are encrypted all the same, but the keys' signatures travel in the open")
	}
	return w
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
