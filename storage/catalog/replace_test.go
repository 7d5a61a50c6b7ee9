package catalog

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
)

func TestReplace(t *testing.T) {
	c := open(t)
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	by := openAt(t, c.Path()+".rebuild")
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
	want = dump(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if again := openAt(t, c.Path()); dump(t, again) != want || again.SetAside() != "" {
		t.Errorf("reopened at %d, set aside %q", position(t, again), again.SetAside())
	}
	if _, err := os.Stat(by.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rebuilt file is still there: %v", err)
	}
}

// TestReplaceWhileInUse reads and writes all the time; nobody gets an error, and nobody sees half of a catalog.
func TestReplaceWhileInUse(t *testing.T) {
	c := open(t)
	fill(t, c, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { // ends with ctx
			for ctx.Err() == nil {
				if found, err := c.Search(t.Context(), Query{}); err != nil || len(found) != 100 {
					t.Errorf("search: %d, %v", len(found), err)
					return
				}
			}
		})
	}
	wg.Go(func() { // ends with ctx
		for n := 0; ctx.Err() == nil; n++ {
			if err := c.SetDetails(t.Context(), sample(n%100).ID, Details{Caller: "+1555"}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		by := openAt(t, c.Path()+".rebuild")
		fill(t, by, 100)
		if err := c.Replace(by); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
}

// TestReplaceThatFails leaves the catalog in use as it was.
func TestReplaceThatFails(t *testing.T) {
	c := open(t)
	update(t, c, 4, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	want := dump(t, c)
	by := openAt(t, c.Path()+".rebuild")
	if err := os.Remove(by.Path()); err != nil {
		t.Fatal(err)
	}
	if err := c.Replace(by); err == nil {
		t.Error("a file that is gone has taken the place")
	}
	if got := dump(t, c); got != want || position(t, c) != 4 {
		t.Errorf("after a Replace that failed:\n%s\nwant\n%s", got, want)
	}
	update(t, c, 5, func(tx *Tx) error { return tx.PutRecording(sample(2)) })
}
