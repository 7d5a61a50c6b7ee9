package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// signedOut says whether a session is none any more: the page asks to sign in, and to come back.
func (r *rig) signedOut(cookie string) bool {
	r.t.Helper()
	res := r.page("/?ticket=T-1001", cookie)
	if res.StatusCode == http.StatusOK {
		return false
	}
	if got, want := res.Header.Get("Location"), "/sign-in?next=%2F%3Fticket%3DT-1001"; res.StatusCode != http.StatusSeeOther || got != want {
		r.t.Errorf("got %s to %q, want %q", res.Status, got, want)
	}
	return true
}

func TestSession(t *testing.T) {
	r := newRig(t, 0)
	secret, _ := r.token(RoleAgent, 48*time.Hour)
	res := r.form("/sign-in", "", map[string]string{"token": " " + secret + "\n", "next": "/?ticket=T-1001"})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/?ticket=T-1001" {
		t.Fatalf("got %s to %q", res.Status, res.Header.Get("Location"))
	}
	c := res.Cookies()[0]
	if c.Name != cookiePlain || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.Domain != "" || strings.Contains(c.Value, secret) {
		t.Errorf("got cookie %+v", c)
	}
	cookie := cookieOf(t, res)
	if r.signedOut(cookie) {
		t.Fatal("not signed in")
	}
	if again := r.page("/sign-in?next=%2Frecordings%2Fx", cookie); again.Header.Get("Location") != "/recordings/x" {
		t.Errorf("who is signed in is asked again: %s", again.Status)
	}
	if out := r.form("/sign-out", cookie, nil); out.Cookies()[0].MaxAge >= 0 || out.Cookies()[0].Value != "" {
		t.Errorf("got cookie %+v", out.Cookies()[0])
	}
	if !r.signedOut(cookie) {
		t.Error("the session lives on after signing out")
	}
}

func TestSessionEnds(t *testing.T) {
	r := newRig(t, 0)
	for name, end := range map[string]func(id string){
		"idle":   func(string) { r.ahead.Add(int64(sessionIdle)) },
		"life":   func(string) { r.ahead.Add(int64(sessionLife)) },
		"revoke": func(id string) { _ = r.archive.RevokeToken(context.Background(), "test", id) },
	} {
		secret, id := r.token(RoleAgent, 48*time.Hour)
		cookie := cookieOf(t, r.form("/sign-in", "", map[string]string{"token": secret}))
		if r.signedOut(cookie) {
			t.Fatalf("%s: not signed in", name)
		}
		end(id)
		if !r.signedOut(cookie) {
			t.Errorf("%s: the session lives on", name)
		}
	}
	secret, _ := r.token(RoleAgent, 48*time.Hour)
	cookie := cookieOf(t, r.form("/sign-in", "", map[string]string{"token": secret}))
	for began := r.ahead.Load(); r.ahead.Load()-began+int64(sessionIdle)/2 < int64(sessionLife); r.ahead.Add(int64(sessionIdle) / 2) {
		if r.signedOut(cookie) {
			t.Fatal("a session that is used ends before its life does")
		}
	}
	r.ahead.Add(int64(sessionIdle) / 2)
	if !r.signedOut(cookie) {
		t.Error("a session that is used lives for ever")
	}
}

// TestSessionFixation: a session that someone else has put into the browser is not the one that is signed in.
func TestSessionFixation(t *testing.T) {
	r := newRig(t, 0)
	secret, _ := r.token(RoleAgent, time.Hour)
	planted := r.signIn(RoleTrainer)
	for _, cookie := range []string{cookiePlain + "=planted", planted} {
		res := r.form("/sign-in", cookie, map[string]string{"token": secret})
		if got := cookieOf(t, res); got == cookie {
			t.Errorf("the session is %s as before", got)
		}
		if !r.signedOut(cookie) {
			t.Errorf("%s is signed in", cookie)
		}
	}
}

// TestSecureCookie: behind TLS the cookie has the prefix that nobody else can set, and the plain one is worth nothing.
func TestSecureCookie(t *testing.T) {
	r := newRig(t, 0)
	secret, _ := r.token(RoleAgent, time.Hour)
	res := r.form("/sign-in", "", map[string]string{"token": secret}, "X-Forwarded-Proto", "https")
	c := res.Cookies()[0]
	if c.Name != cookieSecure || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("got cookie %+v", c)
	}
	if got := r.page("/", c.Name+"="+c.Value, "X-Forwarded-Proto", "https"); got.StatusCode != http.StatusOK {
		t.Errorf("got %s", got.Status)
	}
	if got := r.page("/", cookiePlain+"="+c.Value, "X-Forwarded-Proto", "https"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("a plain cookie over TLS: got %s", got.Status)
	}
}

func TestSignInRefused(t *testing.T) {
	r := newRig(t, 0)
	res := r.form("/sign-in", "", map[string]string{"token": "lw_wrong", "next": "/?ticket=T-1"})
	if res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 || !strings.Contains(string(res.body), "not valid") ||
		!strings.Contains(string(res.body), `value="/?ticket=T-1"`) || strings.Contains(string(res.body), "lw_wrong") {
		t.Errorf("got %s\n%s", res.Status, res.body)
	}
	for range failureBurst {
		res = r.form("/sign-in", "", map[string]string{"token": "lw_wrong"})
	}
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("got %s, %v", res.Status, res.Header)
	}
	if log := r.log.String(); strings.Contains(log, "lw_") {
		t.Errorf("a token is in the log\n%s", log)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s, now := newSessions(), time.Now()
	first := s.begin("first", now)
	for n := range maxSessions {
		now = now.Add(time.Millisecond)
		s.begin(fmt.Sprint(n), now)
	}
	if len(s.byID) != maxSessions {
		t.Errorf("%d sessions, want %d", len(s.byID), maxSessions)
	}
	if _, ok := s.secret(first, now); ok {
		t.Error("the session that was idle for longest is still there")
	}
	s.begin("late", now.Add(sessionIdle))
	if len(s.byID) > 1 {
		t.Errorf("%d sessions, want those that are not over", len(s.byID))
	}
}

// TestComesBack: what is wanted before signing in is there afterwards, and never another site.
func TestComesBack(t *testing.T) {
	r := newRig(t, 0)
	secret, _ := r.token(RoleAgent, time.Hour)
	for next, want := range map[string]string{
		"/?ticket=Q3%2F4711%232": "/?ticket=Q3%2F4711%232", "/recordings/x": "/recordings/x", "": "/", "recordings": "/", "/sign-in": "/",
		"//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/", "/\t/evil.example": "/", "javascript:alert(1)": "/",
		"/%2Fevil.example": "/", "///evil.example": "/", "http:/x": "/", "\n//evil.example": "/",
	} {
		res := r.form("/sign-in", "", map[string]string{"token": secret, "next": next})
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("next %q: leads to %q, want %q", next, got, want)
		}
	}
	lost := r.form("/recordings/x/tickets", "", map[string]string{"ticket": "T-1"}, "Referer", r.url+"/recordings/x?ticket=T-9")
	if got, want := lost.Header.Get("Location"), "/sign-in?next=%2Frecordings%2Fx%3Fticket%3DT-9"; got != want {
		t.Errorf("a form without a session leads to %q, want %q", got, want)
	}
	foreign := r.form("/recordings/x/tickets", "", nil, "Referer", "https://evil.example/recordings")
	if got, want := foreign.Header.Get("Location"), "/sign-in?next=%2F"; got != want {
		t.Errorf("a form from elsewhere leads to %q, want %q", got, want)
	}
}

// FuzzLocalPath: a browser on this server that follows it stays on this server.
func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/", "/?ticket=T-1", "//evil.example", `/\evil.example`, "/%09/evil", "/a/../..//evil.example", "/;//x@y"} {
		f.Add(next)
	}
	base := &url.URL{Scheme: "https", Host: "recorder.example", Path: "/sign-in"}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		to, err := base.Parse(got)
		if err != nil || to.Scheme != base.Scheme || to.Host != base.Host || to.User != nil {
			t.Errorf("%q leads to %q: %v", next, to, err)
		}
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Errorf("%q becomes %q, which a browser may read in its own way", next, got)
		}
	})
}
