package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// failureBurst is how many sign-ins may fail from one address at once: enough for a person who pastes the wrong thing.
	failureBurst = 10
	// failureEvery is how often one more may fail after that. A secret has 256 bits and is not found by trying; this keeps
	// a broken or hostile client from keeping the catalog busy.
	failureEvery = 6 * time.Second
	// failureAddresses bounds the memory spent on addresses, some 200 bytes each.
	failureAddresses = 4096
	// ipv6Site is the prefix, in bits, of the smallest network that a customer gets to themselves (RFC 6177, 2).
	ipv6Site = 64
)

// throttled says how long an address has to wait.
type throttled time.Duration

func (t throttled) Error() string {
	return fmt.Sprintf("too many failed sign-ins from this address; wait %v", time.Duration(t))
}

// throttle counts failed sign-ins by address.
type throttle struct {
	mu sync.Mutex
	// Guarded by mu.
	byAddr map[netip.Prefix]*failing
}

// failing is an address from which sign-ins failed.
type failing struct {
	allowed *rate.Limiter
	last    time.Time // failure
}

func newThrottle() *throttle { return &throttle{byAddr: make(map[netip.Prefix]*failing)} }

// wait is how long an address must wait before it is listened to; 0 is not at all.
func (t *throttle) wait(from netip.Prefix, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.byAddr[from]
	if f == nil {
		return 0
	}
	lacking := 1 - f.allowed.TokensAt(now)
	if lacking <= 0 {
		return 0
	}
	return time.Duration(lacking * float64(failureEvery))
}

// count takes a failure into account.
func (t *throttle) count(from netip.Prefix, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.byAddr[from]
	if f == nil {
		t.makeRoomLocked(now)
		f = &failing{allowed: rate.NewLimiter(rate.Every(failureEvery), failureBurst)}
		t.byAddr[from] = f
	}
	f.last = now
	f.allowed.AllowN(now, 1)
}

// makeRoomLocked forgets addresses when there are too many: those whose failures have been forgiven, or else the one that
// has been quiet for longest.
func (t *throttle) makeRoomLocked(now time.Time) {
	if len(t.byAddr) < failureAddresses {
		return
	}
	var quietest netip.Prefix
	var since time.Time
	for addr, f := range t.byAddr {
		if f.allowed.TokensAt(now) >= failureBurst {
			delete(t.byAddr, addr)
			continue
		}
		if since.IsZero() || f.last.Before(since) {
			quietest, since = addr, f.last
		}
	}
	if len(t.byAddr) >= failureAddresses {
		delete(t.byAddr, quietest)
	}
}

// clientAddr is the address that failures count against. A proxy on this machine is believed about whom it speaks for,
// since otherwise one client's failures would lock out all of them; anything else that claims so is not.
func clientAddr(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // a unix socket has no address
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	if forwarded := r.Header.Values("X-Forwarded-For"); addr.IsLoopback() && len(forwarded) > 0 {
		last := forwarded[len(forwarded)-1] // the entry that the proxy itself has added
		if a, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err == nil {
			addr = a
		}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6Site
	}
	site, _ := addr.Prefix(bits) // of an address that is valid, with bits that it has
	return site
}
