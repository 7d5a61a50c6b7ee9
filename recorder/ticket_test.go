package recorder

import (
	"errors"
	"slices"
	"testing"
	"time"

	"linewarden/recorder/client"
	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

func TestTicketsInSignalling(t *testing.T) {
	r := newRig(t, nil)
	for name, c := range map[string]struct {
		headers map[string]string
		want    []spool.FoundTicket
	}{
		"header":       {map[string]string{"X-Ticket-ID": " 4711 "}, []spool.FoundTicket{{ID: "4711", Source: ticketFromHeader}}},
		"hex":          {map[string]string{"User-to-User": "543130303031;encoding=hex"}, []spool.FoundTicket{{ID: "T10001", Source: ticketFromUUI}}},
		"parameter":    {map[string]string{"User-to-User": `"agent=7;ticket=A-9";purpose="help"`}, []spool.FoundTicket{{ID: "A-9", Source: ticketFromUUI}}},
		"the same":     {map[string]string{"X-Ticket-ID": "1", "User-to-User": "1"}, []spool.FoundTicket{{ID: "1", Source: ticketFromHeader}}},
		"none of ours": {map[string]string{"X-Other": "1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := client.Place(t.Context(), client.Call{
				Server: r.addr("tcp"), Transport: "tcp", Duration: 100 * time.Millisecond, Headers: c.headers,
			}); err != nil {
				t.Fatal(err)
			}
			if got := r.manifest(r.waitSealed()).Tickets; !slices.Equal(got, c.want) {
				t.Errorf("tickets %v, want %v", got, c.want)
			}
		})
	}
}

func TestTicketsInMetadata(t *testing.T) {
	m, err := siprec.ParseMetadata([]byte(`<recording xmlns="urn:ietf:params:xml:ns:recording:1"><session session_id="s">
		<x:ticket xmlns:x="http://example.com">77</x:ticket></session><x:call xmlns:x="http://example.com" Ticket="78"/></recording>`))
	if err != nil {
		t.Fatal(err)
	}
	got := ticketsInMetadata(nil, m, []string{"ticket"})
	want := []spool.FoundTicket{{ID: "77", Source: ticketFromExtension}, {ID: "78", Source: ticketFromExtension}}
	if !slices.Equal(got, want) {
		t.Errorf("tickets %v, want %v", got, want)
	}
}

// TestNoAnswerWithoutAnEntry: a call that the spool cannot take is not answered 200.
func TestNoAnswerWithoutAnEntry(t *testing.T) {
	r := newRig(t, nil)
	if err := r.spool.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := client.Place(t.Context(), client.Call{Server: r.addr("udp"), Transport: "udp", Duration: time.Second})
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("call without a spool: %v, want 503 with Retry-After", err)
	}
	if n := r.server.Active(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
}

func TestRoutes(t *testing.T) {
	routes := []Route{
		{Name: "norway", Match: Match{Trunk: "support", Caller: "+47*"}},
		{Name: "desk", Match: Match{Callee: "+15550199"}},
	}
	for _, c := range []struct{ trunk, caller, callee, want string }{
		{"support", "+4722000100", "+1", "norway"},
		{"other", "+4722000100", "+1", ""},
		{"other", "+1", "+15550199", "desk"},
		{"support", "+46", "+155501990", ""},
	} {
		if got, ok := routeOf(routes, c.trunk, "", c.caller, c.callee); got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%v went to %q", c, got.Name)
		}
	}
}

func TestNumberOf(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:+15550142@example.com": "+15550142", "tel:+1-555-0142": "+15550142", "sip:alice@example.com": "",
		"2249888500@172.16.198.55": "2249888500", "sip:+15550100@sbc;user=phone": "+15550100", "": "", "sip:+@x": "",
	} {
		if got := numberOf(uri); got != want {
			t.Errorf("number of %q is %q, want %q", uri, got, want)
		}
	}
}
