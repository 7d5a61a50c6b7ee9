package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
)

// ErrBusy says that a catalog is being rebuilt already.
var ErrBusy = errors.New("catalog is being rebuilt already")

// Reindex builds another catalog from the ledger and the vault, and puts it in the place of the one in use, which answers
// until then. It tells progress: events that are folded, and then manifests that are read; how many those are shows only
// when the events are folded, so the total grows once. What it cannot read of the vault is filled in later, as usual.
func (a *Archive) Reindex(ctx context.Context, progress func(done, total uint64)) error {
	if !a.rebuilding.TryLock() {
		return ErrBusy
	}
	defer a.rebuilding.Unlock()
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	name := a.catalog.Path() + ".rebuild"
	if err := removeCatalog(name); err != nil { // of a rebuild that a crash ended
		return fmt.Errorf("clear rebuild: %w", err)
	}
	fresh, err := catalog.Open(name)
	if err != nil {
		return fmt.Errorf("create catalog: %w", err)
	}
	if err := a.rebuild(ctx, fresh, progress); err != nil {
		return errors.Join(err, fresh.Close(), removeCatalog(name))
	}
	return nil
}

func (a *Archive) rebuild(ctx context.Context, fresh *catalog.Catalog, progress func(done, total uint64)) error {
	last, err := a.ledger.Last(ctx)
	if err != nil {
		return fmt.Errorf("read end of ledger: %w", err)
	}
	recordings, err := a.foldUpTo(ctx, fresh, last, func(seq uint64) { progress(seq, last) })
	if err != nil {
		return err
	}
	total := last
	if len(a.keys.identities) > 0 {
		total += recordings
		done := last
		f := newFiller(a, fresh)
		f.filled = func() { done++; progress(min(done, total), total) }
		if err := f.pass(ctx); err != nil {
			return fmt.Errorf("fill in details: %w", err)
		}
	}
	if err := a.replaceCatalog(ctx, fresh); err != nil {
		return err
	}
	progress(total, total)
	return nil
}

// replaceCatalog puts a rebuilt catalog in the place of the one in use. Events that come now wait until it has what came
// meanwhile, so that its position is never behind the one that readers have seen.
func (a *Archive) replaceCatalog(ctx context.Context, fresh *catalog.Catalog) error {
	a.folding.Lock()
	defer a.folding.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience) // as long as the lock may be held
	defer cancel()
	last, err := a.ledger.Last(ctx)
	if err != nil {
		return fmt.Errorf("read end of ledger: %w", err)
	}
	if _, err := a.foldUpTo(ctx, fresh, last, func(uint64) {}); err != nil {
		return err
	}
	// COMMIT: a crash before the rename inside leaves the old catalog and a file that the next rebuild clears away; after
	// it the rebuilt one.
	if err := a.catalog.Replace(fresh); err != nil {
		return fmt.Errorf("replace catalog: %w", err)
	}
	a.filler.signal()
	return nil
}

// errEnd ends the reading of the ledger.
var errEnd = errors.New("end of what is to be folded")

// foldUpTo folds the events up to last, which must be in the ledger, into a catalog. It counts the recordings in them.
func (a *Archive) foldUpTo(ctx context.Context, into *catalog.Catalog, last uint64, folded func(uint64)) (recordings uint64, err error) {
	position, err := into.Position(ctx)
	if err != nil {
		return 0, fmt.Errorf("read position: %w", err)
	}
	if position >= last {
		return 0, nil
	}
	f := folder{a: a, into: into, target: last, folded: folded}
	err = a.ledger.Follow(ctx, position, func(ev ledger.Event) error {
		if ev.Type == eventStored {
			recordings++
		}
		if err := f.event(ctx, ev); err != nil {
			return err
		}
		if ev.Seq >= last {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		err = nil
	}
	return recordings, err
}

// removeCatalog deletes the file of a catalog and what SQLite keeps beside it.
func removeCatalog(name string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
