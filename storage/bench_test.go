package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"linewarden/storage/catalog"
	"linewarden/storage/vault/vaulttest"
)

// BenchmarkUpload brings entries of 300 kB through everything but a real store: a sealed entry until its removal.
func BenchmarkUpload(b *testing.B) {
	r := newRig(b, b.TempDir(), vaulttest.New(b)).start()
	ctx, n := context.Background(), 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		e := sealEntry(b, r.spool, call(n))
		n++
		b.StartTimer()
		if err := r.archive.upload(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFold folds stored recordings in the batches of a catalog that catches up.
func BenchmarkFold(b *testing.B) {
	cat, err := catalog.Open(filepath.Join(b.TempDir(), "catalog.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer cat.Close()
	ctx := context.Background()
	f := folder{a: &Archive{}, into: cat, target: uint64(b.N), folded: func(uint64) {}}
	ev := storedEvent(b, "")
	b.ReportAllocs()
	for n := range b.N {
		ev.ID, ev.Seq = fmt.Sprintf("%026d", n), uint64(n+1)
		if err := f.event(ctx, ev); err != nil {
			b.Fatal(err)
		}
	}
}
