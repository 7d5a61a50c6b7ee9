package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
)

// StateStored is the state of a recording that the vault has.
const StateStored = "stored"

// foldBatch is how many events share a transaction while the catalog catches up. Each transaction waits for the disk.
const foldBatch = 256

// errUnreadable says that an event's data cannot be read. It is passed over: the ledger cannot be mended, and what follows
// must not wait.
var errUnreadable = errors.New("event cannot be read")

// errUnknown says that an event is of a type which the catalog has no place for.
var errUnknown = errors.New("event is of an unknown type")

// apply is the fold: what an event does to the catalog. It depends on nothing but the event and on what the catalog holds
// of the same recording or token, and an event that comes twice does nothing the second time.
func apply(tx *catalog.Tx, ev ledger.Event) error {
	switch ev.Type {
	case eventStored:
		var d recordingStored
		if err := decode(ev, &d); err != nil {
			return err
		}
		return tx.PutRecording(recordingOf(ev.ID, d))
	case eventLinked:
		var d recordingLinked
		if err := decode(ev, &d); err != nil {
			return err
		}
		return tx.PutLink(catalog.Link{Recording: ev.ID, Ticket: d.Ticket, Source: d.Source, At: ev.At, Actor: ev.Actor})
	case eventUnlinked:
		var d recordingUnlinked
		if err := decode(ev, &d); err != nil {
			return err
		}
		return tx.DeleteLink(ev.ID, d.Ticket)
	case eventPlayed:
		return tx.CountPlay(ev.ID, ev.At)
	case eventToken:
		var d tokenCreated
		if err := decode(ev, &d); err != nil {
			return err
		}
		return tx.PutToken(catalog.Token{
			ID: ev.ID, Name: d.Name, Role: d.Role, Hash: d.Hash, CreatedAt: ev.At, ExpiresAt: d.ExpiresAt, CreatedBy: ev.Actor,
		})
	case eventRevoked:
		return tx.RevokeToken(ev.ID, ev.At)
	}
	return errUnknown
}

func decode(ev ledger.Event, into any) error {
	if err := json.Unmarshal(ev.Data, into); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}

func recordingOf(id string, d recordingStored) catalog.Recording {
	r := catalog.Recording{
		ID: id, State: StateStored, StartedAt: d.StartedAt, EndedAt: d.EndedAt, DurationMS: d.DurationMS, Channels: d.Channels,
		Node: d.Node, Trunk: d.Trunk, Direction: d.Direction, Route: d.Route, Controller: d.Controller, Residency: d.Residency,
		Purposes: d.Purposes, Expires: d.Expires, Minimum: d.Minimum, Class: d.Class,
		CallerHash: d.CallerHash, CalleeHash: d.CalleeHash, Interrupted: d.Interrupted,
	}
	for _, p := range d.Parts {
		r.Parts = append(r.Parts, catalog.Part{
			Name: p.Name, Key: p.Key, Version: p.Version, Size: p.Size, SHA256: p.SHA256,
			StoredSize: p.StoredSize, StoredSHA256: p.StoredSHA256,
		})
	}
	return r
}

// folder folds events, in order, into one catalog. It is for one goroutine.
type folder struct {
	a      *Archive
	into   *catalog.Catalog
	target uint64       // up to here events are gathered; those after it are folded one by one, as they come
	folded func(uint64) // told of the sequence up to which the catalog has come
	batch  []ledger.Event
}

// event takes the next event.
func (f *folder) event(ctx context.Context, ev ledger.Event) error {
	f.batch = append(f.batch, ev)
	if ev.Seq < f.target && len(f.batch) < foldBatch {
		return nil
	}
	return f.flush(ctx)
}

func (f *folder) flush(ctx context.Context) error {
	if len(f.batch) == 0 {
		return nil
	}
	last := f.batch[len(f.batch)-1].Seq
	err := f.into.Update(ctx, last, func(tx *catalog.Tx) error {
		for _, ev := range f.batch {
			if err := f.apply(tx, ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fold events: %w", err)
	}
	f.batch = f.batch[:0]
	f.folded(last)
	return nil
}

func (f *folder) apply(tx *catalog.Tx, ev ledger.Event) error {
	err := apply(tx, ev)
	switch {
	case errors.Is(err, errUnknown):
		f.a.log.Debug("event is of an unknown type and changes nothing", "type", ev.Type, "seq", ev.Seq)
	case errors.Is(err, errUnreadable):
		f.a.log.Error("event cannot be read and is passed over", "type", ev.Type, "rec", ev.ID, "seq", ev.Seq, "error", err)
	default:
		return err
	}
	return nil
}

// foldLoop keeps the catalog up with the ledger, until ctx ends.
func (a *Archive) foldLoop(ctx context.Context) {
	for failures := 1; ; failures++ {
		began := a.now()
		err := a.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if a.now().Sub(began) > a.c.MaxRetry {
			failures = 1
		}
		wait := backoff(failures, a.c.MinRetry, a.c.MaxRetry)
		if isPowerOfTwo(failures) {
			a.log.Warn("fold ledger; it is tried again", "attempts", failures, "wait", wait, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// errForeign says that the catalog was folded from another ledger than the one that is connected. What it shows is of no
// use, and waiting for it would not help.
var errForeign = errors.New("catalog is ahead of the ledger, so it is of another one: rebuild it (reindex), or connect the right ledger")

// ends says how far the catalog is and how far the ledger.
func (a *Archive) ends(ctx context.Context) (position, last uint64, err error) {
	if position, err = a.catalog.Position(ctx); err != nil {
		return 0, 0, fmt.Errorf("read position: %w", err)
	}
	if last, err = a.ledger.Last(ctx); err != nil {
		return 0, 0, fmt.Errorf("read end of ledger: %w", err)
	}
	if position > last {
		return 0, 0, errForeign
	}
	return position, last, nil
}

// follow folds what the ledger has and what comes, until something fails.
func (a *Archive) follow(ctx context.Context) error {
	position, last, err := a.ends(ctx)
	if err != nil {
		return err
	}
	f := folder{a: a, into: a.catalog, target: last, folded: func(uint64) { a.filler.signal() }}
	return a.ledger.Follow(ctx, position, func(ev ledger.Event) error {
		a.folding.Lock()
		defer a.folding.Unlock()
		return f.event(ctx, ev)
	})
}
