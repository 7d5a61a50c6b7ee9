package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t testing.TB) *Catalog {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "odd?name#of%20a catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func sample(n int) Recording {
	at := time.UnixMilli(int64(1_700_000_000_000 + n*1000)).UTC()
	return Recording{
		ID: fmt.Sprintf("01J%023d", n), State: "stored", StartedAt: at, EndedAt: at.Add(time.Minute), DurationMS: 60_000, Channels: 2,
		Node: "a", Trunk: "support", Route: "all", Controller: "default", Purposes: []string{"service", "fraud"}, Expires: at.AddDate(1, 0, 0),
		Class: "normal", CallerHash: "c", CalleeHash: "d",
		Parts: []Part{{Name: "audio.wav", Key: "rec/x", Version: "v", Size: 10, SHA256: "aa", StoredSize: 12, StoredSHA256: "bb"}},
	}
}

// update changes the catalog at a sequence, or fails the test.
func update(t testing.TB, c *Catalog, seq uint64, fn func(*Tx) error) {
	t.Helper()
	if err := c.Update(context.Background(), seq, fn); err != nil {
		t.Fatal(err)
	}
}

func TestRecordingComesBackAsItWent(t *testing.T) {
	c := open(t)
	want := sample(1)
	link := Link{Recording: want.ID, Ticket: "T-1", Source: "header", At: want.EndedAt, Actor: "signalling"}
	update(t, c, 1, func(tx *Tx) error { return errors.Join(tx.PutRecording(want), tx.PutLink(link), tx.PutLink(link)) })
	want.Tickets = []Link{link}
	got, err := c.Recording(t.Context(), want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	d := Details{Caller: "+1555", Callee: "+1556", CallerName: "Ann", SIPCallID: "x", Loss: 0.5}
	if err := c.SetDetails(t.Context(), want.ID, d); err != nil {
		t.Fatal(err)
	}
	update(t, c, 2, func(tx *Tx) error {
		return errors.Join(tx.PutRecording(sample(1)), tx.CountPlay(want.ID, want.EndedAt))
	})
	want.Details, want.Plays = &d, 1
	for name, find := range map[string]func() ([]Recording, error){
		"ticket": func() ([]Recording, error) { return c.ByTicket(t.Context(), "T-1") },
		"caller": func() ([]Recording, error) { return c.Search(t.Context(), Query{Caller: "+1555"}) },
		"time": func() ([]Recording, error) {
			return c.Search(t.Context(), Query{From: want.StartedAt, To: want.StartedAt.Add(time.Millisecond), State: "stored", Route: "all"})
		},
	} {
		if found, err := find(); err != nil || len(found) != 1 || !reflect.DeepEqual(found[0], want) {
			t.Errorf("by %s: %+v, %v", name, found, err)
		}
	}
	if _, err := c.Recording(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown recording: %v", err)
	}
}

func TestUpdateIsAtomicAndOnce(t *testing.T) {
	c := open(t)
	broken := errors.New("broken")
	if err := c.Update(t.Context(), 5, func(tx *Tx) error { return errors.Join(tx.PutRecording(sample(1)), broken) }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := c.Recording(t.Context(), sample(1).ID); !errors.Is(err, ErrNotFound) {
		t.Error("half an update is there")
	}
	update(t, c, 5, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	update(t, c, 5, func(*Tx) error { t.Error("an event was folded twice"); return nil })
	if seq, err := c.Position(t.Context()); err != nil || seq != 5 {
		t.Errorf("position %d, %v", seq, err)
	}
}

func TestWait(t *testing.T) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("wait without end: %v", err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := c.Wait(t.Context(), 3); err != nil {
				t.Error(err)
			}
		})
	}
	for seq := uint64(1); seq <= 3; seq++ {
		update(t, c, seq, func(*Tx) error { return nil })
	}
	wg.Wait()
}

func TestPages(t *testing.T) {
	c := open(t)
	update(t, c, 1, func(tx *Tx) error {
		for n := range 25 {
			if err := tx.PutRecording(sample(n)); err != nil {
				return err
			}
		}
		return nil
	})
	var ids []string
	for before := ""; ; {
		page, err := c.Search(t.Context(), Query{Limit: 10, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		before = ids[len(ids)-1]
	}
	if len(ids) != 25 || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("pages hold %d recordings: %v", len(ids), ids)
	}
}

func TestIndexesAreUsed(t *testing.T) {
	c := open(t)
	caller, args := Query{Caller: "x"}.sql()
	for query, args := range map[string][]any{byTicket: {"x"}, caller: args} {
		rows, err := c.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN") {
				t.Errorf("%s\nreads a whole table: %s", query, detail)
			}
		}
		rows.Close()
	}
}

func dump(t *testing.T, c *Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReplace(t *testing.T) {
	c := open(t)
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	by, err := Open(c.Path() + ".rebuild")
	if err != nil {
		t.Fatal(err)
	}
	update(t, by, 9, func(tx *Tx) error { return tx.PutRecording(sample(2)) })
	want := dump(t, by)
	waited := make(chan error, 1)
	go func() { waited <- c.Wait(context.Background(), 9) }() // ends when Replace moves the position
	if err := c.Replace(by); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if got := dump(t, c); got != want {
		t.Errorf("after Replace:\n%s\nwant\n%s", got, want)
	}
	update(t, c, 10, func(tx *Tx) error { return tx.PutRecording(sample(3)) })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if seq, _ := again.Position(t.Context()); seq != 10 || again.SetAside() != "" {
		t.Errorf("reopened at %d, set aside %q", seq, again.SetAside())
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(name, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := os.Stat(c.SetAside()); err != nil {
		t.Errorf("the damaged file is gone: %v", err)
	}
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
}

func TestTokens(t *testing.T) {
	c := open(t)
	k := Token{ID: "K1", Name: "n", Role: "agent", Hash: "h", CreatedAt: sample(1).StartedAt, CreatedBy: "root"}
	revoked := sample(2).StartedAt
	update(t, c, 1, func(tx *Tx) error { return errors.Join(tx.PutToken(k), tx.PutToken(k)) })
	if got, err := c.TokenByHash(t.Context(), "h"); err != nil || got != k {
		t.Errorf("got %+v, %v", got, err)
	}
	update(t, c, 2, func(tx *Tx) error {
		return errors.Join(tx.RevokeToken("K1", revoked), tx.RevokeToken("K1", revoked.Add(time.Hour)))
	})
	k.RevokedAt = revoked
	if got, err := c.Tokens(t.Context()); err != nil || len(got) != 1 || got[0] != k {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.TokenByHash(t.Context(), "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown token: %v", err)
	}
}

// TestRandomUpdates compares the catalog with a model that is a map.
func TestRandomUpdates(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	c := open(t)
	recordings, links := map[string]Recording{}, map[[2]string]bool{}
	for seq := uint64(1); seq <= 300; seq++ {
		rec := sample(r.IntN(20))
		ticket := fmt.Sprint("T-", r.IntN(5))
		key := [2]string{ticket, rec.ID}
		update(t, c, seq, func(tx *Tx) error {
			switch r.IntN(4) {
			case 0:
				rec.Plays = recordings[rec.ID].Plays
				recordings[rec.ID] = rec
				return tx.PutRecording(rec)
			case 1:
				links[key] = true
				return tx.PutLink(Link{Recording: rec.ID, Ticket: ticket})
			case 2:
				delete(links, key)
				return tx.DeleteLink(rec.ID, ticket)
			default:
				if known, ok := recordings[rec.ID]; ok {
					known.Plays++
					recordings[rec.ID] = known
				}
				return tx.CountPlay(rec.ID, rec.EndedAt)
			}
		})
	}
	for n := range 5 {
		ticket := fmt.Sprint("T-", n)
		found, err := c.ByTicket(t.Context(), ticket)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for id := range recordings {
			if links[[2]string{ticket, id}] {
				want++
			}
		}
		if len(found) != want {
			t.Errorf("seed %d: ticket %s has %d recordings, want %d", seed, ticket, len(found), want)
		}
		for _, got := range found {
			if got.Plays != recordings[got.ID].Plays {
				t.Errorf("seed %d: %s was played %d times, want %d", seed, got.ID, got.Plays, recordings[got.ID].Plays)
			}
		}
	}
}

// filled is a catalog of n recordings with a ticket each.
func filled(b *testing.B, n int) *Catalog {
	c := open(b)
	const batch = 5000
	for from := 0; from < n; from += batch {
		update(b, c, uint64(from+1), func(tx *Tx) error {
			for i := from; i < min(from+batch, n); i++ {
				r := sample(i)
				if err := errors.Join(tx.PutRecording(r), tx.PutLink(Link{Recording: r.ID, Ticket: fmt.Sprint("T-", i), At: r.EndedAt})); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c
}

func BenchmarkByTicket(b *testing.B) {
	const n = 100_000
	c := filled(b, n)
	for b.Loop() {
		found, err := c.ByTicket(context.Background(), fmt.Sprint("T-", rand.IntN(n)))
		if err != nil || len(found) != 1 {
			b.Fatal(len(found), err)
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	c := open(b)
	for n := 1; b.Loop(); n++ {
		update(b, c, uint64(n), func(tx *Tx) error { return tx.PutRecording(sample(n)) })
	}
}
