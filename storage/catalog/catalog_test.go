package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestUpdateIsAtomicAndOnce(t *testing.T) {
	c := open(t)
	broken := errors.New("broken")
	if err := c.Update(t.Context(), 5, func(tx *Tx) error { return errors.Join(tx.PutRecording(sample(1)), broken) }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := c.Recording(t.Context(), sample(1).ID); !errors.Is(err, ErrNotFound) {
		t.Error("half an update is there")
	}
	if seq := position(t, c); seq != 0 {
		t.Errorf("position %d after an update that failed", seq)
	}
	update(t, c, 5, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	for _, seq := range []uint64{5, 4} {
		update(t, c, seq, func(*Tx) error { t.Error("an event was folded twice"); return nil })
	}
	if seq := position(t, c); seq != 5 {
		t.Errorf("position %d, want 5", seq)
	}
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Update(ctx, 1, func(tx *Tx) error {
		cancel()
		return tx.PutRecording(sample(1))
	})
	if !errors.Is(err, context.Canceled) || position(t, c) != 0 {
		t.Errorf("update: %v at %d", err, position(t, c))
	}
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
}

// TestPositionIsReadAgain: a commit that seemed to fail has moved the position in the file alone.
func TestPositionIsReadAgain(t *testing.T) {
	c := open(t)
	update(t, c, 7, func(*Tx) error { return nil })
	c.posMu.Lock()
	c.setLocked(0)
	c.posMu.Unlock()
	update(t, c, 7, func(*Tx) error { t.Error("an event was folded twice"); return nil })
	if err := c.Wait(t.Context(), 7); err != nil {
		t.Error(err)
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

func TestReadersAndWriterAtOnce(t *testing.T) {
	c := open(t)
	const n = 200
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for seen := 0; seen < n; {
				found, err := c.Search(t.Context(), Query{})
				if err != nil {
					t.Error(err)
					return
				}
				if len(found) < seen {
					t.Errorf("%d recordings after %d", len(found), seen)
				}
				seen = len(found)
			}
		})
	}
	for i := range n {
		update(t, c, uint64(i+1), func(tx *Tx) error { return tx.PutRecording(sample(i)) })
	}
	wg.Wait()
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	fill(t, c, 10)
	want := dump(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	if got := dump(t, again); got != want || again.SetAside() != "" || position(t, again) != 1 {
		t.Errorf("reopened at %d, set aside %q:\n%s\nwant\n%s", position(t, again), again.SetAside(), got, want)
	}
}

func TestOthersCannotReadTheFile(t *testing.T) {
	c := open(t)
	update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(c.Path() + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("catalog%s: %v, %v", suffix, info, err)
		}
	}
}

// TestDumpTellsApart: rows that differ in one column are not the same line.
func TestDumpTellsApart(t *testing.T) {
	base := sample(1)
	lines := map[string]string{}
	for name, change := range map[string]func(*Recording){
		"nothing": func(*Recording) {}, "started": func(r *Recording) { r.StartedAt = r.StartedAt.Add(time.Millisecond) },
		"duration": func(r *Recording) { r.DurationMS++ }, "minimum": func(r *Recording) { r.Minimum = r.StartedAt },
		"purposes": func(r *Recording) { r.Purposes = r.Purposes[:1] }, "part": func(r *Recording) { r.Parts = nil },
		"interrupted": func(r *Recording) { r.Interrupted = true },
	} {
		c, r := open(t), base
		change(&r)
		update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(r) })
		text := dump(t, c)
		if other, ok := lines[text]; ok {
			t.Errorf("%s and %s dump the same: %s", name, other, text)
		}
		lines[text] = name
	}
	c := open(t)
	link := Link{Recording: base.ID, Ticket: "T-1", At: base.EndedAt}
	token := Token{ID: "K", Hash: "h", CreatedAt: base.StartedAt}
	update(t, c, 9, func(tx *Tx) error {
		return errors.Join(tx.PutRecording(base), tx.PutLink(link), tx.PutToken(token), tx.CountPlay(base.ID, base.EndedAt))
	})
	if err := c.SetDetails(t.Context(), base.ID, Details{CallerName: "Ann"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"T-1"`, `"hash":"h"`, `"plays":1`, `"Ann"`, `"seq":9`, `"started":1700000001000`} {
		if text := dump(t, c); !strings.Contains(text, want) {
			t.Errorf("dump lacks %s: %s", want, text)
		}
	}
}
