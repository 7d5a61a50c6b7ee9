package web

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// wanted is who may do what, written down once more and by route, so that a change of rights is made knowingly. Columns are
// the roles of wantedRoles, in this order.
var wantedRoles = []Role{
	RoleAgent, RoleSupervisor, RoleTrainer, RoleFraud, RolePrivacy, RoleLegal, RoleAbuse, RoleAdmin, RoleRecorderAdmin, RoleAuditor,
}

var wanted = []struct {
	route   string // method and path; RECORDING and TOKEN stand for an id
	may     string
	success int
	body    string
}{
	// agent, supervisor; trainer, fraud, privacy, legal, abuse, admin, recorder-admin, auditor
	{"GET /v1/tickets/T-1001/recordings", "xx x x x x . . . x", 200, ""},
	{"PUT /v1/tickets/Q3%2F4711%232/recordings/RECORDING", "xx . . . . . . . .", 204, ""},
	{"DELETE /v1/tickets/T-9/recordings/RECORDING", "xx . . . . . . . .", 204, ""},
	{"GET /v1/recordings", ".x x x x x . . . x", 200, ""},
	{"GET /v1/recordings?caller=%2B15550100", ".x . x x x . . . .", 200, ""},
	{"GET /v1/recordings/RECORDING", "xx x x x x . . . x", 200, ""},
	{"GET /v1/recordings/RECORDING/audio", "xx x x x x . . . .", 200, ""},
	{"HEAD /v1/recordings/RECORDING/audio", "xx x x x x . . . .", 200, ""},
	{"GET /v1/recordings/RECORDING/audio?download=1", "xx . x x x . . . .", 200, ""},
	{"GET /v1/recordings/RECORDING/peaks", "xx x x x x . . . .", 200, ""},
	{"GET /v1/recordings/RECORDING/manifest", "xx . x x x . . . .", 200, ""},
	{"POST /v1/tokens", ".. . . . . . x . .", 201, `{"role":"agent"}`},
	{"GET /v1/tokens", ".. . . . . . x . .", 200, ""},
	{"DELETE /v1/tokens/TOKEN", ".. . . . . . x . .", 204, ""},
	{"GET /v1/status", ".x . . . . . x x x", 200, ""},
	{"POST /v1/reindex", ".. . . . . . . x .", 200, ""},
	{"GET /openapi.json", "xx x x x x x x x x", 200, ""},
	{"GET /", "xx x x x x . . . x", 200, ""},
	{"GET /recordings/RECORDING", "xx x x x x . . . x", 200, ""},
	{"POST /recordings/RECORDING/tickets", "xx . . . . . . . .", 303, "ticket=T-1"},
	{"POST /recordings/RECORDING/tickets/remove", "xx . . . . . . . .", 303, "ticket=T-1"},
}

// open are the routes that ask nobody who they are.
var open = map[string]int{
	"GET /healthz": 200, "GET /readyz": 200, "GET /sign-in": 200, "POST /sign-in": 401, "POST /sign-out": 303, "GET /static/console.css": 200,
}

// TestEveryRouteIsAsked makes sure that the matrix below leaves no route out.
func TestEveryRouteIsAsked(t *testing.T) {
	r := newRig(t, 0)
	asked := make(map[string]bool)
	ask := func(route string) {
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequest(method, "http://test"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := r.web.routes.Handler(req)
		asked[pattern] = true
	}
	for _, w := range wanted {
		ask(w.route)
	}
	for route := range open {
		ask(route)
	}
	for _, pattern := range r.web.routes.patterns {
		if !asked[pattern] {
			t.Errorf("%s is registered, and no test asks who may use it", pattern)
		}
	}
	registered := slices.Sorted(slices.Values(r.web.routes.patterns))
	if listed := slices.Sorted(maps.Keys(doors)); !slices.Equal(registered, listed) {
		t.Errorf("registered: %v\nlisted: %v", registered, listed)
	}
	type document struct{ Paths map[string]map[string]any }
	secret, _ := r.token(RoleAdmin, time.Hour)
	for path, operations := range decode[document](t, r.get(secret, "/openapi.json")).Paths {
		for method := range operations {
			if pattern := strings.ToUpper(method) + " " + path; !slices.Contains(registered, pattern) {
				t.Errorf("%s is described and not registered", pattern)
			}
		}
	}
	if roles := append([]Role(nil), wantedRoles...); !slices.Equal(slices.Sorted(slices.Values(roles)), Roles()) {
		t.Errorf("roles are %v, tested are %v", Roles(), roles)
	}
}

// TestAccess asks every route as every role, and as nobody in every way there is.
func TestAccess(t *testing.T) {
	r := newRig(t, 1)
	strangers := r.strangers()
	for i, role := range wantedRoles {
		secret, _ := r.token(role, time.Hour)
		cookie := r.signIn(role)
		for _, w := range wanted {
			want := w.success
			if strings.ReplaceAll(w.may, " ", "")[i] != 'x' {
				want = http.StatusForbidden
			}
			if got := r.ask(w.route, w.body, "Authorization", "Bearer "+secret); got.StatusCode != want {
				t.Errorf("%s with a token of role %s: got %s, want %d\n%s", w.route, role, got.Status, want, got.body)
			}
			if got := r.ask(w.route, w.body, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); got.StatusCode != want {
				t.Errorf("%s with a session of role %s: got %s, want %d\n%s", w.route, role, got.Status, want, got.body)
			}
		}
	}
	for _, w := range wanted {
		for name, header := range strangers {
			got := r.ask(w.route, w.body, header...)
			if got.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %s: got %s, want 401", w.route, name, got.Status)
			}
			r.web.failures = newThrottle() // which is tested elsewhere
		}
	}
	for route, want := range open {
		if got := r.ask(route, ""); got.StatusCode != want {
			t.Errorf("%s: got %s, want %d", route, got.Status, want)
		}
	}
}

// strangers are the ways of being nobody, as headers.
func (r *rig) strangers() map[string][]string {
	r.t.Helper()
	revoked, id := r.token(RoleSupervisor, time.Hour)
	if err := r.archive.RevokeToken(context.Background(), "test", id); err != nil {
		r.t.Fatal(err)
	}
	expired, _ := r.token(RoleSupervisor, time.Millisecond)
	r.eventually("the token expires", func() bool {
		_, err := r.archive.CheckToken(context.Background(), expired)
		return err != nil
	})
	good, _ := r.token(RoleSupervisor, time.Hour)
	return map[string][]string{
		"nothing":          nil,
		"a wrong token":    {"Authorization", "Bearer lw_" + strings.Repeat("A", 43)},
		"a revoked token":  {"Authorization", "Bearer " + revoked},
		"an expired token": {"Authorization", "Bearer " + expired},
		"another scheme":   {"Authorization", "Basic " + good},
		"no scheme":        {"Authorization", good},
		"no secret":        {"Authorization", "Bearer"},
		"a wrong session":  {"Cookie", cookiePlain + "=" + good},
	}
}

// ask sends what a line of the matrix says, as a program does.
func (r *rig) ask(route, body string, header ...string) reply {
	r.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	path = strings.ReplaceAll(path, "RECORDING", call(0).ID)
	if strings.Contains(path, "TOKEN") {
		_, id := r.token(RoleAgent, time.Hour)
		path = strings.ReplaceAll(path, "TOKEN", id)
	}
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(body, "{") {
		kind = "application/json"
	}
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	return r.do(method, path, "", sent, append([]string{"Content-Type", kind, "Accept", "*/*"}, header...)...)
}

// TestNoDoor makes sure that a route cannot be registered without a right.
func TestNoDoor(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route without a door was registered")
		}
	}()
	rt := &router{ServeMux: http.NewServeMux()}
	rt.HandleFunc("GET /v1/everything", func(http.ResponseWriter, *http.Request) {})
}

func TestUnknownRoleMayNothing(t *testing.T) {
	for _, role := range []Role{"", "root", "Agent"} {
		for action := Public; action <= Describe; action <<= 1 {
			if role.may(action) {
				t.Errorf("role %q may %s", role, action)
			}
		}
	}
	if RoleAdmin.may(0) {
		t.Error("the empty set of rights is had by someone")
	}
	if ValidRole(roleLocal) {
		t.Error("a token can have the role of the local socket's root")
	}
}
