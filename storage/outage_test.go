package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linewarden/storage/vault"
	"linewarden/storage/vault/vaulttest"
)

func down(string, vault.Key) vaulttest.Fault { return vaulttest.AndNotPersist }

// TestVaultDown keeps everything in the spool, in the form it was sealed in, until the vault answers.
func TestVaultDown(t *testing.T) {
	b := vaulttest.New(t)
	b.Fail(down)
	r := newRig(t, t.TempDir(), b).start()
	for n := range 3 {
		r.archive.Sealed(sealEntry(t, r.spool, call(n)))
	}
	r.eventually("every entry was tried", func() bool {
		r.archive.queue.mu.Lock()
		defer r.archive.queue.mu.Unlock()
		for _, it := range r.archive.queue.items {
			if it.attempts < 2 {
				return false
			}
		}
		return true
	})
	if b := r.archive.Backlog(); b.Waiting != 3 || !strings.Contains(b.LastError, vaulttest.ErrFault.Error()) || b.FailedAt.IsZero() || !b.Oldest.Equal(callsBegan) {
		t.Errorf("got %+v", b)
	}
	for n := range 3 {
		if _, err := os.Stat(filepath.Join(r.dir, "spool", call(n).ID, uploadDir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("call %d takes twice its room while the vault is down: %v", n, err)
		}
	}
	b.Fail(nil)
	r.drained()
	for n := range 3 {
		mustHaveStored(r, n)
	}
	if b := r.archive.Backlog(); b != (Backlog{}) {
		t.Errorf("got %+v, want nothing", b)
	}
}

// TestPoisonedEntry is the oldest, and cannot be stored. The others are.
func TestPoisonedEntry(t *testing.T) {
	b := vaulttest.New(t)
	poison, err := objectKey(call(0).ID, "audio.wav")
	if err != nil {
		t.Fatal(err)
	}
	b.Fail(func(op string, key vault.Key) vaulttest.Fault {
		if key == poison {
			return vaulttest.AndNotPersist
		}
		return vaulttest.None
	})
	r := newRig(t, t.TempDir(), b).start()
	for n := range 2 * uploads {
		r.archive.Sealed(sealEntry(t, r.spool, call(n)))
	}
	r.eventually("the others are stored", func() bool { return r.archive.Backlog().Waiting == 1 })
	for n := 1; n < 2*uploads; n++ {
		mustHaveStored(r, n)
	}
	if n := r.count(eventStored, call(0).ID); n != 0 {
		t.Errorf("the poisoned entry was stored %d times", n)
	}
	b.Fail(nil)
	r.drained()
	mustHaveStored(r, 0)
}

// TestLedgerDown loses the ledger's server when the vault has everything, and has it back after a restart.
func TestLedgerDown(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t))
	checked := make(chan struct{})
	down := make(chan struct{})
	first := true
	r.crashAt = func(point string) error {
		if point == "checked" && first {
			first = false
			close(checked)
			<-down
		}
		return nil
	}
	r.start()
	e := sealEntry(t, r.spool, call(0))
	r.archive.Sealed(e)
	<-checked
	r.stopLedger()
	close(down)
	r.stop()
	if seal, err := e.Sealed(); seal == nil || err != nil {
		t.Fatalf("the entry is not kept: %v", err)
	}
	r.crashAt = nil
	r.start()
	r.drained()
	mustHaveStored(r, 0)
}
