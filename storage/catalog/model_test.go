package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// model is what a catalog should be, as maps.
type model struct {
	recordings map[string]Recording // without their links
	links      map[[2]string]Link   // by ticket and recording
	tokens     map[string]Token
}

// change makes one random change to the model and the catalog.
func (m *model) change(r *rand.Rand, tx *Tx) error {
	rec := sample(r.IntN(20))
	rec.Route = fmt.Sprint("route-", r.IntN(3))
	rec.StartedAt = sample(r.IntN(5)).StartedAt
	at := sample(r.IntN(100)).StartedAt
	key := [2]string{fmt.Sprint("T-", r.IntN(5)), rec.ID}
	known, isKnown := m.recordings[rec.ID]
	token := Token{ID: fmt.Sprint("K", r.IntN(5)), Name: fmt.Sprint(r.IntN(100)), Role: "agent", CreatedAt: at}
	token.Hash = "hash of " + token.ID
	switch r.IntN(6) {
	case 0:
		if !isKnown {
			m.recordings[rec.ID] = rec
		}
		return tx.PutRecording(rec)
	case 1:
		link := Link{Ticket: key[0], Recording: key[1], Source: "header", At: at, Actor: "a"}
		if _, ok := m.links[key]; !ok {
			m.links[key] = link
		}
		return tx.PutLink(link)
	case 2:
		delete(m.links, key)
		return tx.DeleteLink(key[1], key[0])
	case 3:
		if isKnown {
			known.Plays++
			m.recordings[rec.ID] = known
		}
		return tx.CountPlay(rec.ID, at)
	case 4:
		if _, ok := m.tokens[token.ID]; !ok {
			m.tokens[token.ID] = token
		}
		return tx.PutToken(token)
	default:
		if k, ok := m.tokens[token.ID]; ok && k.RevokedAt.IsZero() {
			k.RevokedAt = at
			m.tokens[token.ID] = k
		}
		return tx.RevokeToken(token.ID, at)
	}
}

// find lists what a query or a ticket should find, newest first.
func (m *model) find(q Query, ticket string) []Recording {
	found := []Recording{}
	for _, rec := range m.recordings {
		_, linked := m.links[[2]string{ticket, rec.ID}]
		switch {
		case ticket != "" && !linked, q.State != "" && q.State != rec.State, q.Route != "" && q.Route != rec.Route:
		case q.Caller != "" && (rec.Details == nil || rec.Details.Caller != q.Caller):
		case !q.From.IsZero() && rec.StartedAt.Before(q.From), !q.To.IsZero() && !rec.StartedAt.Before(q.To):
		case q.Before != "" && compare(m.recordings[q.Before], rec) >= 0:
		default:
			rec.Tickets = m.linksOf(rec.ID)
			found = append(found, rec)
		}
	}
	slices.SortFunc(found, compare)
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
}

// compare puts newer recordings first.
func compare(a, b Recording) int {
	return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
}

func (m *model) linksOf(id string) []Link {
	links := []Link{}
	for _, l := range m.links {
		if l.Recording == id {
			links = append(links, l)
		}
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Ticket, b.Ticket)) })
	return links
}

// query is a random one.
func (m *model) query(r *rand.Rand) Query {
	var q Query
	maybe := func() bool { return r.IntN(3) == 0 }
	if maybe() {
		q.Route = fmt.Sprint("route-", r.IntN(3))
	}
	if maybe() {
		q.State = []string{"stored", "lost"}[r.IntN(2)]
	}
	if maybe() {
		q.Caller = fmt.Sprint("+1555", r.IntN(2))
	}
	if maybe() {
		q.From = sample(r.IntN(5)).StartedAt
	}
	if maybe() {
		q.To = sample(r.IntN(5)).StartedAt
	}
	if maybe() {
		q.Limit = 1 + r.IntN(5)
	}
	if ids := slices.Sorted(maps.Keys(m.recordings)); maybe() && len(ids) > 0 {
		q.Before = ids[r.IntN(len(ids))]
	}
	return q
}

// TestRandomUpdates compares the catalog with its model after random updates.
func TestRandomUpdates(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	c := open(t)
	m := model{recordings: map[string]Recording{}, links: map[[2]string]Link{}, tokens: map[string]Token{}}
	for seq := uint64(1); seq <= 100; seq++ {
		update(t, c, seq, func(tx *Tx) error {
			for range 1 + r.IntN(4) {
				if err := m.change(r, tx); err != nil {
					return err
				}
			}
			return nil
		})
		m.setDetails(t, r, c)
		q, ticket := m.query(r), fmt.Sprint("T-", r.IntN(5))
		if got, err := c.Search(t.Context(), q); err != nil || !reflect.DeepEqual(got, m.find(q, "")) {
			t.Fatalf("%d: search %+v: %v, %v\nwant %v", seq, q, got, err, m.find(q, ""))
		}
		if got, err := c.ByTicket(t.Context(), ticket); err != nil || !reflect.DeepEqual(got, m.find(Query{}, ticket)) {
			t.Fatalf("%d: ticket %s: %v, %v\nwant %v", seq, ticket, got, err, m.find(Query{}, ticket))
		}
		if seq%10 == 0 {
			m.compareTokens(t, c)
		}
	}
}

func (m *model) setDetails(t *testing.T, r *rand.Rand, c *Catalog) {
	t.Helper()
	bare, err := c.WithoutDetails(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for id, rec := range m.recordings {
		if rec.Details == nil {
			want = append(want, id)
		}
	}
	if len(want) == 0 != (len(bare) == 0) || len(bare) > 0 && bare[0].ID != slices.Min(want) {
		t.Fatalf("without details: %v, want the first of %v", bare, want)
	}
	if len(bare) == 0 || r.IntN(4) > 0 {
		return
	}
	d := Details{Caller: fmt.Sprint("+1555", r.IntN(2)), Loss: r.Float64()}
	if err := c.SetDetails(t.Context(), bare[0].ID, d); err != nil {
		t.Fatal(err)
	}
	rec := m.recordings[bare[0].ID]
	rec.Details = &d
	m.recordings[rec.ID] = rec
}

func (m *model) compareTokens(t *testing.T, c *Catalog) {
	t.Helper()
	got, err := c.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := slices.SortedFunc(maps.Values(m.tokens), func(a, b Token) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("tokens %v, want %v", got, want)
	}
}

func TestTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.UnixMilli(1), time.UnixMilli(-1), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		if got := toTime(fromTime(at)); !got.Equal(at) {
			t.Errorf("%v became %v", at, got)
		}
	}
}
