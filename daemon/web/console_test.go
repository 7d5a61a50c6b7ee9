package web

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"linewarden/storage/spool"
)

func TestSearchPage(t *testing.T) {
	r := newRig(t, 2)
	agent := r.signIn(RoleAgent)
	for path, want := range map[string][]string{
		"/":                                  {"Find a recording", `name="ticket"`},
		"/?ticket=T-1001":                    {"Ticket T-1001", "1 recording", "+15550100", "<audio controls", "?ticket=T-1001", "0:02"},
		"/?ticket=+%23T-1001+":               {"Ticket T-1001", "1 recording"},
		"/?ticket=Q3%2F4711%232":             {"2 recordings", "?ticket=Q3%2F4711%232"},
		"/?ticket=T-4711":                    {"No recording is linked to ticket T-4711 yet."},
		"/recordings/" + call(0).ID:          {"About this call", "T-1001", "Q3/4711#2", "Download WAV", "Link to a ticket", call(0).ID},
		"/recordings/nothing":                {"404", "no such recording"},
		"/nowhere":                           {"404", "nothing at this address"},
		"/v1/recordings/" + call(9).ID:       {"404", "no such recording"},
		"/?ticket=" + url.QueryEscape("a b"): {"cannot be a ticket number"},
	} {
		res := r.page(path, agent)
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %s", path, res.Header.Get("Content-Type"))
		}
		for _, text := range want {
			if !strings.Contains(html.UnescapeString(string(res.body)), text) {
				t.Errorf("%s: %q is not on the page\n%s", path, text, res.body)
			}
		}
	}
	if body := string(r.page("/", agent).body); strings.Contains(body, call(0).ID) {
		t.Error("an agent sees recordings without a ticket")
	}
	if body := string(r.page("/", r.signIn(RoleSupervisor)).body); !strings.Contains(body, call(0).ID) || !strings.Contains(body, "Latest") {
		t.Error("a supervisor does not see the latest recordings")
	}
	auditor := string(r.page("/recordings/"+call(0).ID, r.signIn(RoleAuditor)).body)
	for _, text := range []string{"<audio", "Download", "Link to a ticket", "Remove"} {
		if strings.Contains(auditor, text) {
			t.Errorf("an auditor is offered %q", text)
		}
	}
	if refused := r.page("/", r.signIn(RoleAbuse)); refused.StatusCode != http.StatusForbidden || !strings.Contains(string(refused.body), "Sign out") {
		t.Errorf("role abuse: got %s\n%s", refused.Status, refused.body)
	}
}

// TestPlayerPlays follows the address that a page gives to its player.
func TestPlayerPlays(t *testing.T) {
	r := newRig(t, 1)
	agent := r.signIn(RoleAgent)
	page := string(r.page("/?ticket=Q3%2F4711%232", agent).body)
	src := regexp.MustCompile(`<audio [^>]*src="([^"]+)"`).FindStringSubmatch(page)
	if src == nil {
		t.Fatalf("no player\n%s", page)
	}
	if plays := r.plays(); len(plays) != 0 {
		t.Errorf("a page plays by itself: %+v", plays)
	}
	res := r.get("", src[1], "Cookie", agent, "Range", "bytes=0-", "Sec-Fetch-Site", "same-origin")
	if res.StatusCode != http.StatusPartialContent || len(res.body) != len(r.wav) {
		t.Errorf("got %s, %d bytes", res.Status, len(res.body))
	}
	if plays := r.plays(); len(plays) != 1 || plays[0].Ticket != "Q3/4711#2" || !strings.HasPrefix(plays[0].Actor, "token:") {
		t.Errorf("got plays %+v", plays)
	}
}

func TestLinkForm(t *testing.T) {
	r := newRig(t, 1)
	agent, path := r.signIn(RoleAgent), "/recordings/"+call(0).ID
	shown := func() string { return string(r.page(path, agent).body) }
	if res := r.form(path+"/tickets", agent, map[string]string{"ticket": " #T-77 "}); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != path {
		t.Errorf("got %s to %s", res.Status, res.Header.Get("Location"))
	}
	if !strings.Contains(shown(), "T-77") {
		t.Error("the ticket is not on the page")
	}
	if bad := r.form(path+"/tickets", agent, map[string]string{"ticket": "no good"}); bad.StatusCode != http.StatusUnprocessableEntity ||
		!strings.Contains(string(bad.body), `value="no good"`) || !strings.Contains(string(bad.body), "cannot be a ticket") {
		t.Errorf("got %s\n%s", bad.Status, bad.body)
	}
	r.form(path+"/tickets/remove", agent, map[string]string{"ticket": "T-77"})
	if strings.Contains(shown(), "T-77") {
		t.Error("the ticket is still on the page")
	}
	if res := r.form("/recordings/nothing/tickets", agent, map[string]string{"ticket": "T-77"}); res.StatusCode != http.StatusNotFound {
		t.Errorf("got %s", res.Status)
	}
	if res := r.form(path+"/tickets", agent, map[string]string{"ticket": strings.Repeat("x", 2*maxForm)}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a form that is too long: got %s", res.Status)
	}
}

// TestScriptIsText puts script wherever text of strangers is shown.
func TestScriptIsText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	r := newRig(t, 0)
	m := call(0)
	m.Trunk, m.Route, m.Direction = evil, evil, evil
	m.Purposes = []string{evil}
	m.Caller, m.Callee = spool.Party{URI: "sip:" + evil, Number: evil + "1", Name: evil}, spool.Party{Number: evil}
	r.store(m)
	r.drained()
	name := evil
	secret, _, err := r.archive.CreateToken(t.Context(), "test", name, string(RoleSupervisor), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(t, r.form("/sign-in", "", map[string]string{"token": secret}))
	q := url.QueryEscape(evil)
	for _, res := range []reply{
		r.page("/?ticket="+q, cookie), r.page("/", cookie), r.page("/recordings/"+m.ID+"?ticket="+q, cookie), r.page("/recordings/"+q, cookie),
		r.page("/v1/tickets/"+url.PathEscape(evil)+"/recordings", cookie), r.page("/v1/recordings?caller="+q, cookie), r.page("/"+q, cookie),
		r.form("/recordings/"+m.ID+"/tickets", cookie, map[string]string{"ticket": evil}),
		r.form("/sign-in", "", map[string]string{"token": evil, "next": "/?" + evil}), r.page("/sign-in?next=/"+q, ""),
		r.page("/?ticket="+q, "", "Sec-Fetch-Site", "cross-site"),
	} {
		body := string(res.body)
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %s", res.Request.URL, res.Header.Get("Content-Type"))
		}
		if strings.Contains(body, "<script>") || strings.Contains(body, "<img") || strings.Contains(body, `onerror=alert(1)>'"`) {
			t.Errorf("%s: text became markup\n%s", res.Request.URL, body)
		}
	}
	token, _ := r.token(RoleSupervisor, time.Hour)
	raw := r.get(token, "/v1/recordings/"+m.ID)
	if raw.Header.Get("Content-Type") != "application/json" || raw.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v", raw.Header)
	}
}

// TestLinkFromHelpdesk: a link on another site arrives without the strict cookie. A page of ours loads the same address again.
func TestLinkFromHelpdesk(t *testing.T) {
	r := newRig(t, 1)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Referer", "http://helpdesk.example/"}} {
		res := r.page("/?ticket=T-1001", "", header...)
		if res.StatusCode != http.StatusOK || !strings.Contains(string(res.body), `content="0;url=/?ticket=T-1001"`) {
			t.Errorf("%v: got %s\n%s", header, res.Status, res.body)
		}
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Referer", r.url + "/?ticket=T-1001"}, nil} {
		if again := r.page("/?ticket=T-1001", "", header...); again.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: got %s, want the way to the sign-in page", header, again.Status)
		}
	}
	if api := r.get("", "/v1/tickets/T-1001/recordings", "Sec-Fetch-Site", "cross-site"); api.StatusCode != http.StatusUnauthorized {
		t.Errorf("a program: got %s", api.Status)
	}
}

func TestAssets(t *testing.T) {
	r := newRig(t, 0)
	page := string(r.page("/sign-in", "").body)
	found := regexp.MustCompile(`/static/[^"]+`).FindAllString(page, -1)
	if len(found) != 3 {
		t.Errorf("got assets %v", found)
	}
	for _, address := range found {
		res := r.get("", address)
		if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") || len(res.body) == 0 {
			t.Errorf("%s: got %s, %v", address, res.Status, res.Header)
		}
		plain, _, _ := strings.Cut(address, "?")
		if got := r.get("", plain).Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control is %q", plain, got)
		}
	}
	if inline := regexp.MustCompile(`(?i)<style|style="|<script>| on[a-z]+="`).FindString(page); inline != "" {
		t.Errorf("%q is inline, and the content policy forbids it", inline)
	}
}

func TestLength(t *testing.T) {
	for ms, want := range map[int64]string{0: "0:00", 499: "0:00", 500: "0:01", 59_999: "1:00", 3_599_400: "59:59", 3_661_000: "1:01:01", 36_000_000: "10:00:00"} {
		if got := length(ms); got != want {
			t.Errorf("%d ms: got %s, want %s", ms, got, want)
		}
	}
}
