package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// textual is a value that is written as one string. Errors say what would be right.
type textual interface{ parse(string) error }

// Duration is a time span: Go's units, and d (24 h), w (7 d), y (365 d) before them: 2y, 1w3d, 90s.
type Duration struct{ time.Duration }

const (
	year        = 365 * day
	maxDuration = 200 * year // fits with room to add it to a date
)

var longUnits = map[byte]time.Duration{'d': day, 'w': 7 * day, 'y': year}

func (d *Duration) parse(s string) error {
	wrong := fmt.Errorf("%s is no time span; right would be 10s, 12h, 180d or 2y", quote(s))
	rest, total := s, time.Duration(0)
	for {
		end := strings.IndexAny(rest, "dwy")
		if end < 0 {
			break
		}
		unit := longUnits[rest[end]]
		n, err := strconv.ParseUint(rest[:end], 10, 32)
		if err != nil || time.Duration(n) > (maxDuration-total)/unit {
			return wrong
		}
		total, rest = total+time.Duration(n)*unit, rest[end+1:]
	}
	if rest != "" || s == "" {
		short, err := time.ParseDuration(rest)
		if err != nil || short < 0 || short > maxDuration-total {
			return wrong
		}
		total += short
	}
	d.Duration = total
	return nil
}

// Size is a number of bytes: 500MB, 1GiB.
type Size struct{ Bytes int64 }

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

func (z *Size) parse(s string) error {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.bytes {
			break
		}
		z.Bytes = n * u.bytes
		return nil
	}
	return fmt.Errorf("%s is no size; right would be 500MB or 1GiB", quote(s))
}

// Addr is an IP address.
type Addr struct{ netip.Addr }

func (a *Addr) parse(s string) error {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return fmt.Errorf("%s is no IP address; right would be 192.0.2.10 or 2001:db8::10", quote(s))
	}
	a.Addr = addr.Unmap()
	return nil
}

// Prefix is a network, or one address.
type Prefix struct{ netip.Prefix }

func (p *Prefix) parse(s string) error {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		p.Prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() { // would match nothing: addresses of clients are unmapped
		return fmt.Errorf("%s is no network; right would be 192.0.2.0/24 or 192.0.2.20", quote(s))
	}
	p.Prefix = prefix.Masked()
	return nil
}

// Ports is a range of ports, both ends included.
type Ports struct{ First, Last uint16 }

func (p *Ports) parse(s string) error {
	first, last, ok := strings.Cut(s, "-")
	a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if !ok || errA != nil || errB != nil || a < 1024 || b < a+3 {
		return fmt.Errorf("%s is no range of ports; right would be 20000-29999: from 1024 up, at least four", quote(s))
	}
	p.First, p.Last = uint16(a), uint16(b)
	return nil
}

// Listener is where SIP is taken: udp://host:port, tcp://host:port or tls://host:port.
type Listener struct{ Network, Address string }

func (l *Listener) parse(s string) error {
	network, address, ok := strings.Cut(s, "://")
	if !ok || !slices.Contains([]string{"udp", "tcp", "tls"}, network) || checkHostPort(address) != nil {
		return fmt.Errorf("%s is no SIP listener; right would be udp://192.0.2.10:5060, tcp://[::1]:5060 or tls://192.0.2.10:5061", quote(s))
	}
	l.Network, l.Address = network, address
	return nil
}

func (l Listener) String() string { return l.Network + "://" + l.Address }

// HostPort is an address to listen on. Port 0 is any that is free.
type HostPort struct{ Address string }

func (h *HostPort) parse(s string) error {
	if checkHostPort(s) != nil {
		return fmt.Errorf("%s is no address to listen on; right would be 127.0.0.1:8080", quote(s))
	}
	h.Address = s
	return nil
}

// HostPortOrOff is an address to listen on; empty, written off, is none.
type HostPortOrOff struct{ Address string }

func (h *HostPortOrOff) parse(s string) error {
	if s != "off" && checkHostPort(s) != nil {
		return fmt.Errorf("%s is no address to listen on; right would be 127.0.0.1:9464, or off", quote(s))
	}
	h.Address = strings.TrimSuffix(s, "off")
	return nil
}

var errHostPort = errors.New("no IP address and port")

func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return errHostPort
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err
}

// URL is a URL with a host.
type URL struct{ *url.URL }

func (u *URL) parse(s string) error {
	parsed, err := url.Parse(s)
	switch {
	case err != nil || parsed.Hostname() == "":
		return errors.New("this is no URL with a host; right would be https://s3.example.com")
	case parsed.User != nil: // nor is it shown: a password may be in it
		return errors.New("a URL with a user or a password in it; secrets belong in files of their own")
	}
	if port := parsed.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%s is no port; right would be from 1 to 65535", quote(port))
		}
	}
	u.URL = parsed
	return nil
}
