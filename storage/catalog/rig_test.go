package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		updateForEver(path)
	}
	os.Exit(m.Run())
}

func open(t testing.TB) *Catalog {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "odd?name#of%20a catalog.db"))
}

func openAt(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(path)
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
		Node: "a", Trunk: "support", Direction: "in", Route: "all", Controller: "default", Residency: "ie",
		Purposes: []string{"service", "fraud"}, Expires: at.AddDate(1, 0, 0), Class: "normal", CallerHash: "c", CalleeHash: "d",
		Parts:   []Part{{Name: "audio.wav", Key: "rec/x", Version: "v", Size: 10, SHA256: "aa", StoredSize: 12, StoredSHA256: "bb"}},
		Tickets: []Link{},
	}
}

// update changes the catalog at a sequence, or fails the test.
func update(t testing.TB, c *Catalog, seq uint64, fn func(*Tx) error) {
	t.Helper()
	if err := c.Update(context.Background(), seq, fn); err != nil {
		t.Fatal(err)
	}
}

func position(t testing.TB, c *Catalog) uint64 {
	t.Helper()
	seq, err := c.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func dump(t testing.TB, c *Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fill puts n recordings with a ticket each, in batches.
func fill(t testing.TB, c *Catalog, n int) {
	t.Helper()
	const batch = 5000
	for from := 0; from < n; from += batch {
		update(t, c, uint64(from+1), func(tx *Tx) error {
			for i := from; i < min(from+batch, n); i++ {
				r := sample(i)
				link := Link{Recording: r.ID, Ticket: fmt.Sprint("T-", i), Source: "header", At: r.EndedAt, Actor: "signalling"}
				if err := errors.Join(tx.PutRecording(r), tx.PutLink(link)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
