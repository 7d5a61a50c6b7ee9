package configs

import (
	"fmt"
	"net/netip"
	"slices"
)

// portsPerCall is RTP and RTCP of two streams.
const portsPerCall = 4

// warner gathers what is legal and seldom meant.
type warner struct {
	*Config
	said []string
}

// Warnings are settings that are legal, and seldom meant. They are for a Config without problems. Each begins with the key.
func (c *Config) Warnings() []string {
	w := &warner{Config: c}
	w.clients()
	w.calls()
	w.stores()
	w.api()
	w.purposes()
	w.routes()
	return w.said
}

// add says something of a key, and where the key is when a file has it.
func (w *warner) add(key, format string, a ...any) {
	text := key + " " + fmt.Sprintf(format, a...)
	if at := w.origin().places[key]; at != nil {
		text += fmt.Sprintf(" (line %d)", at.Line)
	}
	w.said = append(w.said, text)
}

// clients compares who may send calls with where calls come in.
func (w *warner) clients() {
	for i, p := range w.SIP.Allow {
		if p.Bits() == 0 {
			w.add("sip.allow", "lets anybody send calls: a stranger can fill the disk")
		}
		if slices.ContainsFunc(w.SIP.Allow[:i], func(o Prefix) bool { return o.Prefix == p.Prefix }) {
			w.add(item("sip.allow", i), "is there twice")
		}
	}
	outside := slices.ContainsFunc(w.SIP.Listen, func(l Listener) bool { return !hostOf(l.Address).IsLoopback() })
	strangers := slices.ContainsFunc(w.SIP.Allow, func(p Prefix) bool { return !p.Addr().IsLoopback() })
	switch {
	case outside && !strangers:
		w.add("sip.allow", "has this machine only, and SIP is taken from outside: every client is refused")
	case strangers && !outside:
		w.add("sip.listen", "is on this machine only, and sip.allow has others: they cannot reach it")
	}
	for i, t := range w.SIP.Trunks {
		for j, from := range t.From {
			if !slices.ContainsFunc(w.SIP.Allow, func(p Prefix) bool { return p.Overlaps(from.Prefix) }) {
				w.add(item(item("sip.trunks", i)+".from", j), "is not in sip.allow: its calls are refused")
			}
		}
	}
	if w.SIP.TLS != nil && !slices.ContainsFunc(w.SIP.Listen, func(l Listener) bool { return l.Network == "tls" }) {
		w.add("sip.tls", "is of no use: no listener is tls://")
	}
}

// calls compares how many calls may be recorded with what is there for them.
func (w *warner) calls() {
	ports := int(w.RTP.Ports.Last) - int(w.RTP.Ports.First) + 1
	if room := ports / portsPerCall; room < w.SIP.MaxSessions {
		w.add("rtp.ports", "has room for %d calls of two streams, and sip.max_sessions is %d: more calls than that get 503",
			room, w.SIP.MaxSessions)
	}
}

func (w *warner) stores() {
	if s := w.S3; s != nil && s.Endpoint.URL != nil && s.Endpoint.Scheme == "http" && !isLocal(s.Endpoint.Hostname()) {
		w.add("s3.endpoint", "is http: recordings are encrypted all the same, but their tags travel in the open")
	}
	if s := w.S3; s != nil && s.CAFile != "" && s.Endpoint.URL != nil && s.Endpoint.Scheme == "http" {
		w.add("s3.ca_file", "is of no use: s3.endpoint is http")
	}
	n := w.NATS
	for i, u := range n.URL {
		if u.URL != nil && u.Scheme == "nats" && n.TLS == nil && !isLocal(u.Hostname()) {
			w.add(item("nats.url", i), "is not encrypted, unless the server insists on it; tls:// makes sure")
		}
	}
	if len(n.URL) > 1 && n.Replicas == 1 {
		w.add("nats.replicas", "is 1, and nats.url names a cluster: the ledger is lost with one of its servers")
	}
	if len(n.URL) == 0 && !hostOf(n.Listen.Address).IsLoopback() {
		w.add("nats.listen", "is reached from outside, and passwords travel in the open: put it in a private network")
	}
}

func (w *warner) api() {
	if !hostOf(w.API.Listen.Address).IsLoopback() {
		w.add("api.listen", "is reached from outside, and tokens and audio travel in the open: put a proxy with TLS before it")
	}
	if a := w.API.Metrics.Address; a != "" && !hostOf(a).IsLoopback() {
		w.add("api.metrics", "is reached from outside, and asks for no token")
	}
}

func (w *warner) purposes() {
	for _, n := range keys(w.Purposes) {
		key := join("purposes", n)
		if keep := w.Purposes[n].Keep.Duration; keep < day {
			w.add(key+".keep", "is less than a day (%s); m is minutes", keep)
		}
		if !slices.ContainsFunc(w.Routes, func(r Route) bool { return slices.Contains(r.Purposes, n) }) {
			w.add(key, "is in no route: nothing is kept for it")
		}
	}
}

// routes looks for routes that no call can take, and for calls that no route takes.
func (w *warner) routes() {
	for i, r := range w.Routes {
		if r.Match != (Match{}) {
			continue
		}
		if i+1 < len(w.Routes) {
			w.add(item("routes", i+1), "is never taken: %s before it matches every call", quote(r.Name))
		}
		return
	}
	w.add("routes", "end without one for every call: a call that none matches is recorded for no purpose, and put in quarantine")
}

// isLocal says whether a host is this machine.
func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
