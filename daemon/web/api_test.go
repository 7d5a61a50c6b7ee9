package web

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRecordingsOfTicket(t *testing.T) {
	r := newRig(t, 2)
	agent, _ := r.token(RoleAgent, time.Hour)
	find := func(ticket string) []recording {
		t.Helper()
		res := r.get(agent, "/v1/tickets/"+url.PathEscape(ticket)+"/recordings")
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: got %s\n%s", ticket, res.Status, res.body)
		}
		return decode[[]recording](t, res)
	}
	if got := string(r.get(agent, "/v1/tickets/T-0/recordings").body); strings.TrimSpace(got) != "[]" {
		t.Errorf("no recording: got %s, want []", got)
	}
	if got := find("Q3/4711#2"); len(got) != 2 || got[0].ID != call(1).ID {
		t.Errorf("got %+v, want both, newest first", got)
	}
	m := call(0)
	ended := m.EndedAt
	got := find("T-1001")
	if len(got) != 1 {
		t.Fatalf("got %+v", got)
	}
	tickets := got[0].Tickets
	got[0].Tickets = nil
	want := recording{
		ID: m.ID, State: "stored", StartedAt: m.StartedAt, EndedAt: &ended, DurationMS: 2000, Channels: 2,
		Caller: "+15550100", Callee: "+15550199", Direction: "in", Trunk: "support", Route: "default", Purposes: []string{"training"},
		SHA256: got[0].SHA256, Size: int64(len(r.wav)), URL: "/v1/recordings/" + m.ID, AudioURL: "/v1/recordings/" + m.ID + "/audio",
	}
	if !reflect.DeepEqual(got[0], want) || len(got[0].SHA256) != 64 {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	if len(tickets) != 2 || tickets[0].Source != "header" || tickets[0].LinkedAt.IsZero() {
		t.Errorf("got tickets %+v", tickets)
	}

	path := "/v1/tickets/" + url.PathEscape("Q3/5#1") + "/recordings/" + m.ID
	for _, step := range []struct {
		method string
		found  int
	}{{"PUT", 1}, {"PUT", 1}, {"DELETE", 0}, {"DELETE", 0}} {
		if res := r.do(step.method, path, agent, nil); res.StatusCode != http.StatusNoContent {
			t.Errorf("%s: got %s", step.method, res.Status)
		}
		if got := find("Q3/5#1"); len(got) != step.found {
			t.Errorf("after %s: got %d recordings, want %d", step.method, len(got), step.found)
		}
	}
}

// TestWhoSpoke: a role without the right does not learn it, in no answer.
func TestWhoSpoke(t *testing.T) {
	r := newRig(t, 1)
	for role := range rights {
		if role == roleLocal || !role.may(Search) {
			continue
		}
		token, _ := r.token(role, time.Hour)
		cookie := r.signIn(role)
		for _, res := range []reply{
			r.get(token, "/v1/tickets/T-1001/recordings"), r.get(token, "/v1/recordings"), r.get(token, "/v1/recordings/"+call(0).ID),
			r.page("/?ticket=T-1001", cookie), r.page("/recordings/"+call(0).ID, cookie),
		} {
			if shown := strings.Contains(string(res.body), "55501"); shown != role.may(Parties) && res.StatusCode == http.StatusOK {
				t.Errorf("role %s: %s: numbers are shown: %v", role, res.Request.URL.Path, shown)
			}
		}
	}
}

func TestBrowse(t *testing.T) {
	r := newRig(t, 4)
	token, _ := r.token(RoleSupervisor, time.Hour)
	for query, want := range map[string][]int{
		"": {3, 2, 1, 0}, "?limit=2": {3, 2}, "?limit=2&before=" + call(2).ID: {1, 0}, "?state=stored": {3, 2, 1, 0}, "?state=lost": {},
		"?caller=%2B15550102": {2}, "?caller=+1+(555)+01-02": {2}, "?caller=15550102": {}, "?agent=%2B15550199&limit=1": {3},
		"?from=2026-05-17T10:30:00Z&to=2026-05-17T12:30:00Z": {2, 1}, "?from=2026-05-17T12:30:00%2B02:00&limit=9": {3, 2, 1},
	} {
		var got, ids []string
		for _, rec := range decode[[]recording](t, r.get(token, "/v1/recordings"+query)) {
			got = append(got, rec.ID)
		}
		for _, n := range want {
			ids = append(ids, call(n).ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%q: got %v, want %v", query, got, ids)
		}
	}
}

func TestTokens(t *testing.T) {
	r := newRig(t, 0)
	admin, adminID := r.token(RoleAdmin, time.Hour)
	res := r.do(http.MethodPost, "/v1/tokens", admin, strings.NewReader(`{"role":"agent","name":"helpdesk","ttl_seconds":3600}`), "Content-Type", "application/json")
	made := decode[token](t, res)
	if res.StatusCode != http.StatusCreated || !strings.HasPrefix(made.Token, "lw_") || made.Role != "agent" || made.Name != "helpdesk" || made.CreatedBy != "token:"+adminID {
		t.Fatalf("got %s, %+v", res.Status, made)
	}
	if life := made.ExpiresAt.Sub(made.CreatedAt).Round(time.Minute); life != time.Hour {
		t.Errorf("it lives for %v", life)
	}
	if got := r.get(made.Token, "/openapi.json"); got.StatusCode != http.StatusOK {
		t.Errorf("the new token: got %s", got.Status)
	}
	usual := decode[token](t, r.do(http.MethodPost, "/v1/tokens", admin, strings.NewReader(`{"role":"agent"}`)))
	if life := usual.ExpiresAt.Sub(usual.CreatedAt).Round(time.Minute); life != tokenLife {
		t.Errorf("a token lives for %v, want %v", life, tokenLife)
	}
	list := r.get(admin, "/v1/tokens")
	if all := decode[[]token](t, list); len(all) != 3 || strings.Contains(string(list.body), "lw_") || strings.Contains(string(list.body), "hash") {
		t.Errorf("got %s", list.body)
	}
	for range 2 {
		if got := r.do(http.MethodDelete, "/v1/tokens/"+made.ID, admin, nil); got.StatusCode != http.StatusNoContent {
			t.Errorf("got %s", got.Status)
		}
	}
	mustBeProblem(t, r.get(made.Token, "/openapi.json"), http.StatusUnauthorized)
}

func TestStatus(t *testing.T) {
	r := newRig(t, 0)
	token, _ := r.token(RoleAdmin, time.Hour)
	if got := strings.TrimSpace(string(r.get(token, "/v1/status").body)); got != `{"sessions":3}` {
		t.Errorf("got %s", got)
	}
}

// TestDescription: the document describes every route under /v1, with who may use it.
func TestDescription(t *testing.T) {
	r := newRig(t, 0)
	token, _ := r.token(RoleAbuse, time.Hour)
	res := r.get(token, "/openapi.json")
	d := decode[struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Description string
			Responses                map[string]any
		}
	}](t, res)
	if d.OpenAPI != "3.1.0" || res.Header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("got %s, %v", d.OpenAPI, res.Header)
	}
	for pattern := range doors {
		method, path, _ := strings.Cut(pattern, " ")
		if !strings.HasPrefix(path, "/v1/") {
			continue
		}
		op := d.Paths[path][strings.ToLower(method)]
		if op.OperationID == "" || !strings.HasPrefix(op.Description, "Roles: ") || op.Responses["401"] == nil || op.Responses["403"] == nil {
			t.Errorf("%s is described as %+v", pattern, op)
		}
	}
}

func TestReindex(t *testing.T) {
	r := newRig(t, 2)
	token, _ := r.token(RoleRecorderAdmin, time.Hour)
	res := r.do(http.MethodPost, "/v1/reindex", token, nil)
	lines := strings.Split(strings.TrimSpace(string(res.body)), "\n")
	if last := lines[len(lines)-1]; res.StatusCode != http.StatusOK || !strings.Contains(last, `"end":true`) || strings.Contains(last, "error") {
		t.Errorf("got %s\n%s", res.Status, res.body)
	}
	if found, err := r.archive.FindByTicket(t.Context(), "Q3/4711#2"); err != nil || len(found) != 2 {
		t.Errorf("after it: %d recordings, %v", len(found), err)
	}
}

// TestServe: a server that stops lets the answer that is on its way come to its end, and takes no other.
func TestServe(t *testing.T) {
	r := newRig(t, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-release
		w.Write([]byte("whole"))
	})
	go func() { ended <- r.web.Serve(ctx, ln, slow) }() // ends with ctx
	answer := make(chan reply, 1)
	go func() { // ends with the answer
		req, _ := http.NewRequest(http.MethodGet, "http://"+ln.Addr().String(), nil) // which parses
		answer <- send(t, http.DefaultTransport, req)
	}()
	<-begun
	cancel()
	r.eventually("the listener is closed", func() bool {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	if got := <-answer; string(got.body) != "whole" {
		t.Errorf("got %q", got.body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := r.web.Serve(context.Background(), ln, slow); err == nil {
		t.Error("a closed listener is served")
	}
}
