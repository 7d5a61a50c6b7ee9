package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linewarden/storage/vault/vaulttest"
)

// settle waits until the catalog has the whole ledger and all details.
func (r *rig) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testDeadline)
	defer cancel()
	last, err := r.ledger.Last(ctx)
	if err == nil {
		err = r.catalog.Wait(ctx, last)
	}
	if err != nil {
		r.t.Fatalf("wait for the catalog: %v", err)
	}
	r.detailed()
}

// mustReindexEqual rebuilds the catalog and compares it with what it was, row for row.
func mustReindexEqual(r *rig) {
	r.t.Helper()
	r.settle()
	was := r.dump()
	var done, total uint64
	err := r.archive.Reindex(context.Background(), func(d, n uint64) {
		if d < done || n < total || d > n {
			r.t.Errorf("progress went from %d of %d to %d of %d", done, total, d, n)
		}
		done, total = d, n
	})
	if err != nil {
		r.t.Fatalf("reindex: %v", err)
	}
	if done != total || total == 0 {
		r.t.Errorf("progress ended with %d of %d", done, total)
	}
	if got := r.dump(); got != was {
		r.t.Errorf("the rebuilt catalog differs:\n%s\nwas:\n%s", got, was)
	}
}

// busy fills an archive with all that a catalog may hold.
func busy(r *rig) {
	r.t.Helper()
	ctx := context.Background()
	for n := range 6 {
		r.archive.Sealed(sealEntry(r.t, r.spool, call(n)))
	}
	r.drained()
	_, token, err := r.archive.CreateToken(ctx, "admin", "desk", "agent", time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range []func() error{
		func() error { return r.archive.Link(ctx, "agent-7", call(1).ID, "T-99", "api") },
		func() error { return r.archive.Unlink(ctx, "agent-7", call(2).ID, "shared") },
		func() error { return r.archive.RevokeToken(ctx, "admin", token.ID) },
		func() error {
			audio, err := r.archive.Play(ctx, Play{Actor: "agent-7", Recording: call(3).ID, Reason: "callback"})
			if err != nil {
				return err
			}
			return audio.Close()
		},
	} {
		if err := f(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.settle()
}

func TestReindex(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	busy(r)
	mustReindexEqual(r)

	// What comes afterwards goes into the catalog that was rebuilt.
	r.archive.Sealed(sealEntry(t, r.spool, call(6)))
	r.drained()
	mustHaveStored(r, 6)
	mustReindexEqual(r)
	before := r.dump()
	r.stop()
	r.start()
	r.settle()
	if got := r.dump(); got != before {
		t.Errorf("after a restart the catalog differs:\n%s\nwas:\n%s", got, before)
	}
}

// TestLostCatalog deletes the catalog's file. It is a cache: the next start folds it anew.
func TestLostCatalog(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	busy(r)
	before := r.dump()
	r.stop()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(filepath.Join(r.dir, "catalog.db"+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	r.settle()
	if got := r.dump(); got != before {
		t.Errorf("the catalog differs:\n%s\nwas:\n%s", got, before)
	}
}

// TestReindexWhileBusy rebuilds again and again while calls come, are linked and are found.
func TestReindexWhileBusy(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	ctx := context.Background()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is closed
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := r.archive.Reindex(ctx, func(uint64, uint64) {}); err != nil {
				t.Error(err)
			}
		}
	}()
	for n := range 10 {
		r.archive.Sealed(sealEntry(t, r.spool, call(n)))
		r.drained()
		if err := r.archive.Link(ctx, "agent-7", call(n).ID, "T-99", "api"); err != nil {
			t.Error(err)
		}
		if found, err := r.archive.FindByTicket(ctx, "T-99"); err != nil || len(found) != n+1 {
			t.Errorf("after linking call %d: found %d, %v", n, len(found), err)
		}
	}
	close(stop)
	<-stopped
	mustReindexEqual(r)
}

// TestCatalogOfAnotherLedger loses the ledger and begins a new one under an old catalog. No entry may go until the catalog
// is rebuilt, and the new ledger is not filled with repetitions.
func TestCatalogOfAnotherLedger(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.drained()
	r.stop()
	if err := os.RemoveAll(filepath.Join(r.dir, "nats")); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.archive.Sealed(sealEntry(t, r.spool, call(1)))
	r.eventually("the mistake is found", func() bool { return strings.Contains(r.archive.Backlog().LastError, "rebuild it") })
	if _, _, err := r.archive.CreateToken(context.Background(), "admin", "desk", "agent", 0); !errors.Is(err, errForeign) {
		t.Errorf("create token: got %v, want %v", err, errForeign)
	}
	if err := r.archive.Reindex(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	r.drained()
	mustHaveStored(r, 1)
}

// TestJunkInLedger has something in the ledger that is no event, and is the last of it.
func TestJunkInLedger(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	busy(r)
	if _, err := r.conn.Request("lw.ledger.recording.7", []byte("junk"), testDeadline); err != nil {
		t.Fatal(err)
	}
	r.archive.Sealed(sealEntry(t, r.spool, call(6)))
	r.drained()
	mustHaveStored(r, 6)
	if _, err := r.conn.Request("lw.ledger.recording.7", []byte(`{"type":"recording.stored"}`), testDeadline); err != nil {
		t.Fatal(err)
	}
	mustReindexEqual(r)
}

// TestReindexLeftover leaves what a rebuild that was killed would leave.
func TestReindexLeftover(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	busy(r)
	if err := os.WriteFile(r.catalog.Path()+".rebuild", []byte("half of a catalog"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustReindexEqual(r)
}
