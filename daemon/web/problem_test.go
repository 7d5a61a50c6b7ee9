package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestProblems: whatever goes wrong, and whoever words it first, a program gets a problem document and a person a page.
func TestProblems(t *testing.T) {
	r := newRig(t, 1)
	agent, _ := r.token(RoleAgent, time.Hour)
	admin, _ := r.token(RoleAdmin, time.Hour)
	supervisor, _ := r.token(RoleSupervisor, time.Hour)
	huge := `{"role":"agent","name":"` + strings.Repeat("x", maxBody) + `"}`
	for _, c := range []struct {
		method, path, token, body string
		status                    int
	}{
		{"GET", "/nowhere", "", "", 404},
		{"GET", "/v1/nowhere", agent, "", 404},
		{"GET", "/docs", agent, "", 404},
		{"GET", "/schemas/Recording.json", agent, "", 404},
		{"GET", "/openapi.yaml", agent, "", 404},
		{"GET", "/static/nothing.css", "", "", 404},
		{"GET", "/static/", "", "", 404},
		{"POST", "/v1/recordings/" + call(0).ID, agent, "", 405},
		{"DELETE", "/v1/recordings/" + call(0).ID + "/audio", agent, "", 405},
		{"GET", "/v1/recordings/" + call(9).ID, agent, "", 404},
		{"GET", "/v1/recordings/" + call(9).ID + "/audio", agent, "", 404},
		{"GET", "/v1/recordings/..%2F..%2Fetc", agent, "", 422},
		{"GET", "/v1/recordings/" + strings.ToLower(call(0).ID), agent, "", 422},
		{"GET", "/v1/tickets/%20/recordings", agent, "", 422},
		{"GET", "/v1/tickets/..%2Fx/recordings", agent, "", 422},
		{"GET", "/v1/tickets/" + strings.Repeat("x", 65) + "/recordings", agent, "", 422},
		{"PUT", "/v1/tickets/T-1/recordings/" + call(9).ID, agent, "", 404},
		{"DELETE", "/v1/tickets/T-1/recordings/" + call(9).ID, agent, "", 404},
		{"PUT", "/v1/tickets/a%0Ab/recordings/" + call(0).ID, agent, "", 422},
		{"GET", "/v1/recordings?limit=0", supervisor, "", 422},
		{"GET", "/v1/recordings?limit=501", supervisor, "", 422},
		{"GET", "/v1/recordings?from=yesterday", supervisor, "", 422},
		{"GET", "/v1/recordings?caller=alice", supervisor, "", 422},
		{"GET", "/v1/recordings?before=x", supervisor, "", 422},
		{"POST", "/v1/tokens", admin, `{"role":"emperor"}`, 422},
		{"POST", "/v1/tokens", admin, `{"role":"local"}`, 422},
		{"POST", "/v1/tokens", admin, `{"role":"agent","ttl_seconds":9223372036854775807}`, 422},
		{"POST", "/v1/tokens", admin, `{"role":"agent","ttl_seconds":-1}`, 422},
		{"POST", "/v1/tokens", admin, `{"role":"agent","name":"a\u0000b"}`, 422},
		{"POST", "/v1/tokens", admin, `{"role":"agent","admin":true}`, 422},
		{"POST", "/v1/tokens", admin, `{`, 400},
		{"POST", "/v1/tokens", admin, "", 400},
		{"POST", "/v1/tokens", admin, huge, 413},
		{"DELETE", "/v1/tokens/unknown", admin, "", 404},
	} {
		res := r.do(c.method, c.path, c.token, strings.NewReader(c.body), "Content-Type", "application/json")
		t.Run(c.method+" "+c.path[:min(len(c.path), 60)], func(t *testing.T) {
			mustBeProblem(t, res, c.status)
			if c.status == http.StatusMethodNotAllowed && res.Header.Get("Allow") == "" {
				t.Error("it is not said what is allowed")
			}
		})
		page := r.do(c.method, c.path, c.token, strings.NewReader(c.body), "Content-Type", "application/json", "Accept", "text/html")
		if got := page.Header.Get("Content-Type"); page.StatusCode != c.status || !strings.HasPrefix(got, "text/html") || strings.Contains(string(page.body), `{"title"`) {
			t.Errorf("%s %s in a browser: got %s, %s", c.method, c.path, page.Status, got)
		}
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t, 0)
	if res := r.get("", "/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("got %s", res.Status)
	}
	if res := r.get("", "/readyz"); res.StatusCode != http.StatusOK {
		t.Errorf("got %s", res.Status)
	}
	r.notOK.Store(&[]string{"ledger", "vault"})
	if detail := mustBeProblem(t, r.get("", "/readyz"), http.StatusServiceUnavailable); detail != "Not ready: ledger, vault." {
		t.Errorf("got %q", detail)
	}
	if res := r.get("", "/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("a daemon that is not ready is alive: got %s", res.Status)
	}
}

// TestPanic: a handler that panics costs one request.
func TestPanic(t *testing.T) {
	r := newRig(t, 0)
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  int // 0: the connection breaks
	}{
		{"at once", func(http.ResponseWriter, *http.Request) { panic("oops") }, 500},
		{"in an error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "half", http.StatusNotFound)
			panic("oops")
		}, 500},
		{"in the middle", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("half")); panic("oops") }, 0},
		{"on purpose", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
		{"not at all", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204},
	} {
		server := httptest.NewServer(r.web.outward(c.handler))
		res, err := http.Get(server.URL)
		status := 0
		if err == nil {
			res.Body.Close()
			status = res.StatusCode
		}
		if status != c.status {
			t.Errorf("%s: got %d, %v, want %d", c.name, status, err, c.status)
		}
		server.Close()
	}
	if log := r.log.String(); strings.Count(log, "oops") != 3 || !strings.Contains(log, "TestPanic") {
		t.Errorf("got log\n%s", log)
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t, 0)
	for _, path := range []string{"/sign-in", "/nowhere", "/v1/recordings", "/healthz", "/static/console.css"} {
		h := r.get("", path, "Accept", "text/html").Header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: content policy is %q", path, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: got %v", path, h)
		}
		if path != "/static/console.css" && h.Get("Cache-Control") != "no-store, private" {
			t.Errorf("%s: Cache-Control is %q", path, h.Get("Cache-Control"))
		}
	}
}

// TestOtherSites: a page elsewhere can make a browser send a form here; nothing comes of it.
func TestOtherSites(t *testing.T) {
	r := newRig(t, 1)
	cookie := r.signIn(RoleAgent)
	path := "/recordings/" + call(0).ID + "/tickets"
	for name, header := range map[string][]string{
		"a browser that says so": {"Sec-Fetch-Site", "cross-site"},
		"a sibling":              {"Sec-Fetch-Site", "same-site"},
		"an older browser":       {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
	} {
		for _, path := range []string{path, "/sign-in", "/sign-out"} {
			res := r.form(path, cookie, map[string]string{"ticket": "T-66"}, header...)
			if res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
				t.Errorf("%s, %s: got %s", name, path, res.Status)
			}
		}
		res := r.do(http.MethodPut, "/v1/tickets/T-66/recordings/"+call(0).ID, "", nil, append([]string{"Cookie", cookie}, header...)...)
		mustBeProblem(t, res, http.StatusForbidden)
	}
	if res := r.form(path, cookie, map[string]string{"ticket": "T-67"}, "Sec-Fetch-Site", "", "Origin", r.url); res.StatusCode != http.StatusSeeOther {
		t.Errorf("an older browser on our own page: got %s", res.Status)
	}
	if found, err := r.archive.FindByTicket(t.Context(), "T-66"); err != nil || len(found) > 0 {
		t.Errorf("another site has linked a recording: %v", err)
	}
}
