package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// textual is a value that is written as one string. Errors say what would be right.
type textual interface{ parse(string) error }

// Duration is a time span: Go's units and d (24 h), w (7 d), y (365 d).
type Duration struct{ time.Duration }

var longUnits = map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}

// maxDuration is what fits, with room to add it to a date.
const maxDuration = 200 * 365 * 24 * time.Hour

func (d *Duration) parse(s string) error {
	wrong := fmt.Errorf("%q is no time span; right would be 10s, 12h, 180d or 2y", s)
	if s == "" {
		return wrong
	}
	if unit, long := longUnits[s[len(s)-1]]; long {
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
		if err != nil || time.Duration(n) > maxDuration/unit {
			return wrong
		}
		d.Duration = time.Duration(n) * unit
		return nil
	}
	span, err := time.ParseDuration(s)
	if err != nil || span < 0 || span > maxDuration {
		return wrong
	}
	d.Duration = span
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
	return fmt.Errorf("%q is no size; right would be 500MB or 1GiB", s)
}

// Addr is an IP address.
type Addr struct{ netip.Addr }

func (a *Addr) parse(s string) error {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return fmt.Errorf("%q is no IP address; right would be 192.0.2.10 or 2001:db8::10", s)
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
	if err != nil {
		return fmt.Errorf("%q is no network; right would be 192.0.2.0/24 or 192.0.2.20", s)
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
		return fmt.Errorf("%q is no range of ports; right would be 20000-29999: from 1024 up, at least four", s)
	}
	p.First, p.Last = uint16(a), uint16(b)
	return nil
}

// Listener is where SIP is taken: udp://host:port, tcp://host:port or tls://host:port.
type Listener struct{ Network, Address string }

func (l *Listener) parse(s string) error {
	network, address, ok := strings.Cut(s, "://")
	if !ok || !slices.Contains([]string{"udp", "tcp", "tls"}, network) || checkHostPort(address) != nil {
		return fmt.Errorf("%q is no SIP listener; right would be udp://192.0.2.10:5060, tcp://[::1]:5060 or tls://192.0.2.10:5061", s)
	}
	l.Network, l.Address = network, address
	return nil
}

// HostPort is an address to listen on; "off" is none.
type HostPort struct {
	Address string
	Off     bool
}

func (h *HostPort) parse(s string) error {
	if s == "off" {
		h.Off = true
		return nil
	}
	if checkHostPort(s) != nil {
		return fmt.Errorf("%q is no address to listen on; right would be 127.0.0.1:8080", s)
	}
	h.Address = s
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
	if err != nil || parsed.Host == "" || parsed.User != nil {
		return errors.New("this is no URL with a host and without a password; right would be https://s3.example.com")
	}
	u.URL = parsed
	return nil
}

// File is a path. One that begins with $CREDENTIALS_DIRECTORY/ lies where systemd has put the service's credentials.
type File string

const credentials = "$CREDENTIALS_DIRECTORY"

func (f *File) parse(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("a path has no zero byte")
	}
	*f = File(s)
	return nil
}

// Path is where the file is.
func (f File) Path() string {
	if rest, ok := strings.CutPrefix(string(f), credentials+"/"); ok {
		return os.Getenv(credentials[1:]) + "/" + rest
	}
	return string(f)
}
