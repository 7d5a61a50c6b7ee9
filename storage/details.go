package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"linewarden/storage/catalog"
	"linewarden/storage/spool"
)

const (
	// fillBatch is how many recordings are asked for at once.
	fillBatch = 100
	// fillers is how many manifests are read at once; each takes some requests to the vault, one after the other.
	fillers = 4
	// maxManifest in bytes: a day of packets, every second one lost, has gaps for less than this.
	maxManifest = 256 << 20
)

// filler brings what personal data a catalog has from the manifests in the vault, since no event may carry it.
type filler struct {
	a      *Archive
	into   *catalog.Catalog
	wake   chan struct{} // of capacity 1: there may be recordings without details
	filled func()        // nil, or told of each recording that is filled in, one at a time

	mu sync.Mutex
	// Guarded by mu.
	failed map[string]*failure // by recording
}

// failure is a manifest that could not be read.
type failure struct {
	attempts int
	due      time.Time // of the next attempt
}

func newFiller(a *Archive, into *catalog.Catalog) *filler {
	return &filler{a: a, into: into, wake: make(chan struct{}, 1), failed: make(map[string]*failure)}
}

func (f *filler) signal() {
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

// run fills in details as recordings come and as failures fall due, until ctx ends.
func (f *filler) run(ctx context.Context) {
	for {
		if err := f.pass(ctx); err != nil && ctx.Err() == nil {
			f.a.log.Warn("look for recordings without details; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-time.After(f.a.c.MaxRetry):
		}
	}
}

// pass tries every recording that is due once.
func (f *filler) pass(ctx context.Context) error {
	for ctx.Err() == nil {
		// Those that failed are listed again and again, so the list is made longer by as many.
		list, err := f.into.WithoutDetails(ctx, fillBatch+f.failures())
		if err != nil {
			return err
		}
		due := slices.DeleteFunc(list, func(rec catalog.Recording) bool { return !f.isDue(rec.ID) })
		if len(due) == 0 {
			return nil
		}
		f.each(ctx, due)
	}
	return ctx.Err()
}

// each fills in recordings, several at a time. A failure holds up no other.
func (f *filler) each(ctx context.Context, recs []catalog.Recording) {
	var running sync.WaitGroup
	free := make(chan struct{}, fillers)
	for _, rec := range recs {
		free <- struct{}{}
		running.Go(func() { // ends when the manifest is read, within patience
			f.settle(ctx, rec.ID, f.one(ctx, rec))
			<-free
		})
	}
	running.Wait()
}

func (f *filler) one(ctx context.Context, rec catalog.Recording) error {
	d, err := f.a.readDetails(ctx, rec)
	if err != nil {
		return err
	}
	return f.into.SetDetails(ctx, rec.ID, d)
}

// settle takes the outcome for one recording.
func (f *filler) settle(ctx context.Context, id string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.failed, id)
		if f.filled != nil {
			f.filled()
		}
		return
	}
	was := f.failed[id]
	if was == nil {
		was = new(failure)
		f.failed[id] = was
	}
	was.attempts++
	was.due = f.a.now().Add(backoff(was.attempts, f.a.c.MinRetry, f.a.c.MaxRetry))
	if ctx.Err() == nil && isPowerOfTwo(was.attempts) {
		f.a.log.Warn("read manifest from the vault; it is tried again", "rec", id, "attempts", was.attempts, "error", err)
	}
}

func (f *filler) failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.failed)
}

func (f *filler) isDue(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.failed[id]
	return was == nil || !was.due.After(f.a.now())
}

// readDetails reads the manifest of a recording from the vault.
func (a *Archive) readDetails(ctx context.Context, rec catalog.Recording) (catalog.Details, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := a.open(ctx, rec, partManifest)
	if err != nil {
		return catalog.Details{}, fmt.Errorf("open manifest: %w", err)
	}
	defer r.Close()
	if r.Size > maxManifest {
		return catalog.Details{}, errors.New("manifest is too long")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return catalog.Details{}, fmt.Errorf("read manifest: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != r.SHA256 {
		return catalog.Details{}, errors.New("manifest is not the one that was stored")
	}
	var m spool.Manifest
	if json.Unmarshal(data, &m) != nil { // an error of json may quote what it could not read
		return catalog.Details{}, errors.New("manifest cannot be read")
	}
	return detailsOf(m), nil
}

// detailsOf is what of a manifest the catalog keeps.
func detailsOf(m spool.Manifest) catalog.Details {
	d := catalog.Details{
		Caller: numberOf(m.Caller), Callee: numberOf(m.Callee), CallerName: m.Caller.Name, CalleeName: m.Callee.Name,
		SIPCallID: m.SIP.CallID, SessionID: m.SIP.SessionID,
	}
	var lost, all int64
	for _, ch := range m.Channels {
		lost += ch.Lost
		all += ch.Lost + ch.Packets
	}
	if all > 0 {
		d.Loss = float64(lost) / float64(all)
	}
	return d
}

// numberOf is what a party is found by.
func numberOf(p spool.Party) string {
	if p.Number != "" {
		return partyForm(p.Number)
	}
	return p.URI
}
