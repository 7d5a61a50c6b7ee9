package catalog

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRecordingComesBackAsItWent(t *testing.T) {
	c := open(t)
	want := sample(1)
	first := Link{Recording: want.ID, Ticket: "T-2", Source: `head"er`, At: want.EndedAt, Actor: "signalling"}
	second := Link{Recording: want.ID, Ticket: "T-1", Source: "api", At: want.EndedAt.Add(time.Millisecond), Actor: "agent-7"}
	update(t, c, 1, func(tx *Tx) error {
		return errors.Join(tx.PutRecording(want), tx.PutLink(second), tx.PutLink(first), tx.PutLink(first))
	})
	want.Tickets = []Link{first, second}
	got, err := c.Recording(t.Context(), want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	d := Details{Caller: "+1555", Callee: "+1556", CallerName: "Ann", CalleeName: "Bob", SIPCallID: "x", SessionID: "y", Loss: 0.5}
	if err := c.SetDetails(t.Context(), want.ID, d); err != nil {
		t.Fatal(err)
	}
	update(t, c, 2, func(tx *Tx) error {
		return errors.Join(tx.PutRecording(Recording{ID: want.ID}), tx.CountPlay(want.ID, want.EndedAt))
	})
	want.Details, want.Plays = &d, 1
	for name, find := range map[string]func() ([]Recording, error){
		"ticket": func() ([]Recording, error) { return c.ByTicket(t.Context(), "T-1") },
		"caller": func() ([]Recording, error) { return c.Search(t.Context(), Query{Caller: "+1555"}) },
		"callee": func() ([]Recording, error) { return c.Search(t.Context(), Query{Callee: "+1556", Caller: "+1555"}) },
		"time": func() ([]Recording, error) {
			return c.Search(t.Context(), Query{From: want.StartedAt, To: want.StartedAt.Add(time.Millisecond), State: "stored", Route: "all"})
		},
	} {
		if found, err := find(); err != nil || len(found) != 1 || !reflect.DeepEqual(found[0], want) {
			t.Errorf("by %s: %+v, %v", name, found, err)
		}
	}
}

func TestNotFound(t *testing.T) {
	c := open(t)
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	if _, err := c.Recording(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown recording: %v", err)
	}
	if _, err := c.Search(t.Context(), Query{Before: "nobody"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a page after an unknown recording: %v", err)
	}
	if err := c.SetDetails(t.Context(), "nobody", Details{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("details of an unknown recording: %v", err)
	}
	if _, err := c.TokenByHash(t.Context(), "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown token: %v", err)
	}
	for name, q := range map[string]Query{
		"no caller": {Caller: "+1"}, "injection": {State: "' OR 1=1 --"}, "wildcard": {Route: "%"}, "no time": {To: sample(1).StartedAt},
	} {
		if found, err := c.Search(t.Context(), q); err != nil || found == nil || len(found) != 0 {
			t.Errorf("%s: %v, %v, want an empty list", name, found, err)
		}
	}
}

// TestPages reads all pages while some recordings started in the same millisecond.
func TestPages(t *testing.T) {
	c := open(t)
	const n = 25
	update(t, c, 1, func(tx *Tx) error {
		for i := range n {
			r := sample(i)
			r.StartedAt = sample(i / 4).StartedAt
			if err := tx.PutRecording(r); err != nil {
				return err
			}
		}
		return nil
	})
	var ids []string
	for before := ""; ; before = ids[len(ids)-1] {
		page, err := c.Search(t.Context(), Query{Limit: 3, Before: before, State: "stored"})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) != n {
		t.Fatalf("pages hold %d recordings, want %d", len(ids), n)
	}
	for i, id := range ids {
		if want := sample(n - 1 - i).ID; id != want {
			t.Errorf("%d: %s, want %s", i, id, want)
		}
	}
}

func TestTokens(t *testing.T) {
	c := open(t)
	k := Token{ID: "K1", Name: "n", Role: "agent", Hash: "h", CreatedAt: sample(1).StartedAt, ExpiresAt: sample(9).StartedAt, CreatedBy: "root"}
	other := Token{ID: "K0", Hash: "i", CreatedAt: sample(2).StartedAt}
	revoked := sample(2).StartedAt
	update(t, c, 1, func(tx *Tx) error {
		return errors.Join(tx.PutToken(other), tx.PutToken(k), tx.PutToken(Token{ID: "K1"}), tx.PutToken(Token{ID: "K2", Hash: "h"}))
	})
	if got, err := c.TokenByHash(t.Context(), "h"); err != nil || got != k {
		t.Errorf("got %+v, %v", got, err)
	}
	update(t, c, 2, func(tx *Tx) error {
		return errors.Join(tx.RevokeToken("K1", revoked), tx.RevokeToken("K1", revoked.Add(time.Hour)))
	})
	k.RevokedAt = revoked
	if got, err := c.Tokens(t.Context()); err != nil || !reflect.DeepEqual(got, []Token{k, other}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestIndexesAreUsed(t *testing.T) {
	c := open(t)
	fill(t, c, 500)
	const links = "SEARCH links USING INDEX links_recording"
	search := func(q Query) string { text, _ := q.sql(1); return text }
	for name, want := range map[string]struct {
		clause string
		plan   []string // parts, in no order
		sorts  bool     // what was found; else it comes in order
	}{
		"by id":         {" WHERE id = ?", []string{"SEARCH recordings USING PRIMARY KEY", links}, false},
		"by ticket":     {byTicket, []string{"SEARCH links USING PRIMARY KEY (ticket=?)", "SEARCH recordings USING PRIMARY KEY (id=?)", links}, true},
		"undetailed":    {withoutDetails, []string{"recordings_undetailed"}, false},
		"newest":        {search(Query{}), []string{"recordings_started", links}, false},
		"next page":     {search(Query{Before: "x"}), []string{"SEARCH recordings USING INDEX recordings_started ((started,id)<(?,?))"}, false},
		"month":         {search(Query{From: time.Now(), To: time.Now()}), []string{"SEARCH recordings USING INDEX recordings_started (started>? AND started<?)"}, false},
		"caller":        {search(Query{Caller: "x"}), []string{"SEARCH recordings USING INDEX recordings_caller (caller=?)"}, false},
		"callee, month": {search(Query{Callee: "x", From: time.Now()}), []string{"SEARCH recordings USING INDEX recordings_callee (callee=? AND started>?)"}, false},
	} {
		plan := explain(t, c, "SELECT "+recordingColumns+" FROM recordings"+want.clause)
		for _, part := range want.plan {
			if !strings.Contains(plan, part) {
				t.Errorf("%s: the plan lacks %q:\n%s", name, part, plan)
			}
		}
		if sorts := strings.Contains(plan, "TEMP B-TREE FOR ORDER BY"); sorts != want.sorts {
			t.Errorf("%s: sorts: %v, want %v:\n%s", name, sorts, want.sorts, plan)
		}
	}
	if plan := explain(t, c, tokenByHash); !strings.Contains(plan, "SEARCH tokens USING INDEX") {
		t.Errorf("token by hash:\n%s", plan)
	}
}

// explain is what SQLite says of how it runs a query.
func explain(t *testing.T, c *Catalog, query string) string {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := c.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
