package vaulttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"linewarden/storage/vault"
)

// childMark makes the test binary the embedded store's process.
const childMark = "VAULTTEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childMark {
		if err := vault.ServeEmbedded(context.Background(), os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// store is what the bucket in memory and the client have in common.
type store interface {
	Put(ctx context.Context, o vault.Object) (vault.Version, error)
	Head(ctx context.Context, key vault.Key, version string) (vault.Version, error)
	Open(ctx context.Context, key vault.Key, version string, offset int64) (io.ReadCloser, error)
	Tags(ctx context.Context, key vault.Key, version string) (map[string]string, error)
	List(ctx context.Context, prefix string) iter.Seq2[vault.Version, error]
	Erase(ctx context.Context, key vault.Key) error
}

// judge takes the failures that a bucket finds.
type judge struct {
	testing.TB
	found []string
}

func (j *judge) Errorf(format string, a ...any) { j.found = append(j.found, fmt.Sprintf(format, a...)) }

func embedded(t *testing.T) store {
	t.Helper()
	dir := t.TempDir()
	e, err := vault.StartEmbedded(t.Context(), vault.EmbeddedConfig{
		Dir: dir, Socket: filepath.Join(dir, "s3.sock"), Command: []string{os.Args[0], childMark}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	c, err := vault.New(e.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func with(key vault.Key, text string) vault.Object {
	return vault.Object{
		Key: key, Body: strings.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text)),
		Tags: map[string]string{"class": "normal"},
	}
}

// TestContract says that the bucket in memory does what the real store does.
func TestContract(t *testing.T) {
	for name, s := range map[string]store{"memory": New(&judge{TB: t}), "embedded": embedded(t)} {
		t.Run(name, func(t *testing.T) { keepsContract(t, s) })
	}
}

func keepsContract(t *testing.T, s store) {
	ctx := t.Context()
	first, err := s.Put(ctx, with("rec/b", "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Put(ctx, with("rec/b", "bytes")); err != nil || again.ID != first.ID {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	if _, err := s.Put(ctx, with("rec/b", "other")); !errors.Is(err, vault.ErrDifferent) {
		t.Errorf("other bytes: %v", err)
	}
	locked := with("rec/b", "bytes")
	locked.RetainUntil, locked.Hold = time.Now().Add(time.Hour), true
	until := locked.RetainUntil.Truncate(time.Second)
	if v, err := s.Put(ctx, locked); err != nil || v.ID != first.ID || !v.Hold || !v.RetainUntil.Equal(until) {
		t.Errorf("with a lock: %+v, %v", v, err)
	}
	if err := s.Erase(ctx, "rec/b"); err == nil {
		t.Error("a held object was erased")
	}
	if tags, err := s.Tags(ctx, "rec/b", first.ID); err != nil || tags["class"] != "normal" {
		t.Errorf("tags: %v, %v", tags, err)
	}
	readsRanges(t, s, first)
	if _, err := s.Put(ctx, with("rec/a", "x")); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "rec/"); !slices.Equal(got, []vault.Key{"rec/a", "rec/b"}) {
		t.Errorf("list: %v", got)
	}
	for range 2 { // what is not there can be erased
		if err := s.Erase(ctx, "rec/a"); err != nil {
			t.Errorf("erase: %v", err)
		}
	}
	if _, err := s.Head(ctx, "rec/a", ""); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("head of what was erased: %v", err)
	}
	if _, err := s.Open(ctx, "rec/a", "", 0); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("open what was erased: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Put(ended, with("rec/c", "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put when nobody waits: %v", err)
	}
}

// readsRanges reads "bytes" from every offset.
func readsRanges(t *testing.T, s store, v vault.Version) {
	t.Helper()
	for offset := range v.Size {
		r, err := s.Open(t.Context(), v.Key, v.ID, offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || string(got) != "bytes"[offset:] {
			t.Errorf("from %d: %q, %v", offset, got, err)
		}
	}
	if r, err := s.Open(t.Context(), v.Key, v.ID, v.Size); err == nil {
		r.Close()
		t.Error("the end could be opened")
	}
}

func keys(t *testing.T, s store, prefix string) (found []vault.Key) {
	t.Helper()
	for v, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if v.Size == 0 || v.ID != "" || v.Known || v.Hold {
			t.Errorf("listed as %+v", v)
		}
		found = append(found, v.Key)
	}
	return found
}

// TestBreachesAreFound breaks the contract in every way that the bucket looks for.
func TestBreachesAreFound(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	for name, breach := range map[string]func(*vault.Object){
		"other bytes":  func(o *vault.Object) { *o = with(o.Key, "other") },
		"wrong hash":   func(o *vault.Object) { o.Key, o.SHA256 = "rec/new", [32]byte{1} },
		"wrong size":   func(o *vault.Object) { o.Size++ },
		"other tags":   func(o *vault.Object) { o.Tags = map[string]string{"class": "long"} },
		"foreign tag":  func(o *vault.Object) { o.Key, o.Tags = "rec/new", map[string]string{"name": "Kåre"} },
		"shorter lock": func(o *vault.Object) { o.RetainUntil = hour.Add(-time.Minute) },
		"past lock":    func(o *vault.Object) { o.Key, o.RetainUntil = "rec/new", time.Now().Add(-time.Hour) },
	} {
		j := &judge{TB: t}
		b := New(j)
		o := with("rec/a", "x")
		o.RetainUntil = hour
		if _, err := b.Put(t.Context(), o); err != nil || len(j.found) > 0 {
			t.Fatalf("%s: before: %v, %v", name, err, j.found)
		}
		breach(&o)
		b.Put(t.Context(), o) // what it answers matters less than what it says to the test
		if len(j.found) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestFaults(t *testing.T) {
	b := New(t)
	fault := ButPersist
	b.Fail(func(op string, _ vault.Key) Fault {
		if op == "put" {
			return fault
		}
		return None
	})
	if _, err := b.Put(t.Context(), with("rec/a", "x")); !errors.Is(err, ErrFault) {
		t.Errorf("put: %v", err)
	}
	fault = AndNotPersist
	if _, err := b.Put(t.Context(), with("rec/b", "x")); !errors.Is(err, ErrFault) {
		t.Errorf("put: %v", err)
	}
	if got := b.Keys(); !slices.Equal(got, []vault.Key{"rec/a"}) {
		t.Errorf("kept %v", got)
	}
}
