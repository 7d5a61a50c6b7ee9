package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	th, now := newThrottle(), time.Now()
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for n := range failureBurst {
		if wait := th.wait(a, now); wait != 0 {
			t.Fatalf("must wait %v after %d failures", wait, n)
		}
		th.count(a, now)
	}
	if wait := th.wait(a, now); wait <= 0 || wait > failureEvery {
		t.Errorf("must wait %v, want %v at most", wait, failureEvery)
	}
	if wait := th.wait(b, now); wait != 0 {
		t.Errorf("another address must wait %v", wait)
	}
	if wait := th.wait(a, now.Add(failureEvery)); wait != 0 {
		t.Errorf("must still wait %v", wait)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(), time.Now()
	addr := netip.MustParseAddr("198.18.0.0")
	for range failureAddresses + 100 {
		th.count(netip.PrefixFrom(addr, 32), now)
		addr, now = addr.Next(), now.Add(time.Microsecond)
	}
	if n := len(th.byAddr); n > failureAddresses {
		t.Errorf("%d addresses are kept", n)
	}
	if _, ok := th.byAddr[netip.MustParsePrefix("198.18.0.0/32")]; ok {
		t.Error("the address that has been quiet for longest is kept")
	}
	th.count(netip.PrefixFrom(addr, 32), now.Add(failureBurst*failureEvery))
	if n := len(th.byAddr); n != 1 {
		t.Errorf("%d addresses are kept after all was forgiven", n)
	}
}

func TestClientAddr(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1", "", "192.0.2.1/32"},
		{"192.0.2.1:1", "203.0.113.9", "192.0.2.1/32"}, // nobody has made it a proxy
		{"127.0.0.1:1", "203.0.113.9", "203.0.113.9/32"},
		{"127.0.0.1:1", "198.51.100.1, 203.0.113.9", "203.0.113.9/32"}, // the first is what the client says
		{"127.0.0.1:1", "rubbish", "127.0.0.1/32"},
		{"[::1]:1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:1", "", "fe80::/64"},
		{"[::ffff:192.0.2.1]:1", "", "192.0.2.1/32"},
		{"@", "203.0.113.9", "invalid Prefix"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddr(r).String(); got != c.want {
			t.Errorf("%s for %q: got %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// TestThrottleOverHTTP: an address that has failed too often is not listened to, even with a good token, for a while.
func TestThrottleOverHTTP(t *testing.T) {
	r := newRig(t, 0)
	good, _ := r.token(RoleAgent, 48*time.Hour)
	session := r.signIn(RoleAgent)
	for n := range failureBurst {
		if res := r.get("lw_wrong", "/openapi.json"); res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("failure %d: got %s", n, res.Status)
		}
	}
	for _, token := range []string{"lw_wrong", good} {
		res := r.get(token, "/openapi.json")
		mustBeProblem(t, res, http.StatusTooManyRequests)
		if res.Header.Get("Retry-After") == "" {
			t.Error("it is not said how long to wait")
		}
	}
	if res := r.page("/", session); res.StatusCode != http.StatusOK {
		t.Errorf("who was signed in before: got %s", res.Status)
	}
	if res := r.get(good, "/openapi.json", "X-Forwarded-For", "203.0.113.9"); res.StatusCode != http.StatusOK {
		t.Errorf("another client of the same proxy: got %s", res.Status)
	}
	r.ahead.Add(int64(failureEvery))
	if res := r.get(good, "/openapi.json"); res.StatusCode != http.StatusOK {
		t.Errorf("after waiting: got %s", res.Status)
	}
}
