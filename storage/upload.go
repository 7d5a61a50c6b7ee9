package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"linewarden/storage/catalog"
	"linewarden/storage/spool"
	"linewarden/storage/vault"
)

// Deadlines of one attempt. They end what hangs; what is slow but moves fits.
const (
	// patience is the time for what needs no bandwidth.
	patience = 30 * time.Second
	// slowest is the line in bytes a second that still gets an object through.
	slowest = 64 << 10
)

// errMismatch says that the vault or the ledger has something else than the plan says. The entry is the better copy.
var errMismatch = errors.New("mismatch")

// upload brings one sealed entry into the vault and the ledger and then removes it from the spool. A crash anywhere in it
// is followed by the same call: every step finds what is done already and does not do it twice.
func (a *Archive) upload(ctx context.Context, e *spool.Entry) error {
	p, err := a.planOf(ctx, e)
	if err != nil {
		return err
	}
	if p == nil {
		return e.Remove() // an earlier attempt did, or was about to finish it
	}
	for i := range p.Stored.Parts {
		if err := a.put(ctx, e, p, &p.Stored.Parts[i]); err != nil {
			return fmt.Errorf("store %s: %w", p.Stored.Parts[i].Name, err)
		}
	}
	for _, part := range p.Stored.Parts {
		if err := a.check(ctx, p, part); err != nil {
			return fmt.Errorf("check %s: %w", part.Name, err)
		}
	}
	if err := a.crash("checked"); err != nil {
		return err
	}
	if err := a.record(ctx, p); err != nil {
		return err
	}
	if err := e.Remove(); err != nil {
		return err
	}
	if err := a.crash("removed"); err != nil {
		return err
	}
	a.log.Info("recording stored", "rec", e.ID(), "parts", len(p.Stored.Parts), "duration_ms", p.Stored.DurationMS, "class", p.Stored.Class)
	return nil
}

// planOf is the entry's plan, made if there is none.
func (a *Archive) planOf(ctx context.Context, e *spool.Entry) (*plan, error) {
	p, err := loadPlan(e)
	if p != nil || err != nil {
		return p, err
	}
	seal, err := e.Sealed()
	if err != nil {
		return nil, err
	}
	if seal == nil {
		if _, err := os.Stat(e.Dir()); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, errors.New("entry is not sealed")
	}
	// A plan doubles what the entry takes on disk. While the vault does not answer none is made, so that a long outage
	// fills the disk no faster than the calls do.
	key, err := objectKey(e.ID(), partKey)
	if err != nil {
		return nil, err
	}
	if _, err := a.head(ctx, key, ""); err == nil {
		return nil, fmt.Errorf("%w: vault holds this recording by another plan", errMismatch)
	} else if !errors.Is(err, vault.ErrNotFound) {
		return nil, err
	}
	return a.makePlan(ctx, e, seal)
}

// patient gives a context the time that a transfer of so many bytes may take.
func patient(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience+time.Duration(size/slowest)*time.Second)
}

func (a *Archive) head(ctx context.Context, key vault.Key, version string) (vault.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.bucket.Head(ctx, key, version)
}

// put sends a part, and notes which version of the object it became.
func (a *Archive) put(ctx context.Context, e *spool.Entry, p *plan, part *storedPart) error {
	ctx, cancel := patient(ctx, part.StoredSize)
	defer cancel()
	if p.loaded { // an earlier attempt may have put it: asking is cheaper than sending
		if v, err := a.head(ctx, vault.Key(part.Key), ""); err == nil && a.differs(v, p, *part) == nil {
			part.Version = v.ID
			return nil
		}
	}
	f, sum, err := openPlanned(ctx, e, *part)
	if err != nil {
		return err
	}
	defer f.Close()
	o := vault.Object{
		Key: vault.Key(part.Key), Body: f, Size: part.StoredSize, SHA256: sum,
		ContentType: "application/octet-stream", Tags: p.Tags,
	}
	if until := a.lockUntil(p); !until.IsZero() {
		o.RetainUntil, o.Compliance = until, p.Stored.Compliance
	}
	v, err := a.bucket.Put(ctx, o)
	if err != nil {
		return err
	}
	part.Version = v.ID
	return a.crash("put " + part.Name)
}

// openPlanned opens the encrypted form of a part, which must be what was planned. The offset is at the start.
func openPlanned(ctx context.Context, e *spool.Entry, part storedPart) (f *os.File, sum [32]byte, err error) {
	f, err = os.Open(planFile(e, part.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sum, fmt.Errorf("%w: the encrypted part is gone", errCorrupt)
	}
	if err != nil {
		return nil, sum, err
	}
	d, err := digestOf(ctx, f)
	if err == nil && (d.size != part.StoredSize || d.hex() != part.StoredSHA256) {
		err = fmt.Errorf("%w: the encrypted part is not what was planned", errCorrupt)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, sum, err
	}
	return f, [32]byte(d.hash.Sum(nil)), nil
}

// differs says what speaks against a version being a part of the plan, by what the store tells of it.
func (a *Archive) differs(v vault.Version, p *plan, part storedPart) error {
	switch {
	case v.Size != part.StoredSize:
		return fmt.Errorf("%w: vault holds %d bytes, not %d", errMismatch, v.Size, part.StoredSize)
	case v.Known && hex.EncodeToString(v.SHA256[:]) != part.StoredSHA256: // where it tells no hash, reading back decides
		return fmt.Errorf("%w: vault says another hash", errMismatch)
	case v.RetainUntil.Before(a.lockUntil(p).Truncate(time.Second)): // stores keep no fractions
		return fmt.Errorf("%w: vault did not lock it", errMismatch)
	}
	return nil
}

// lockUntil is until when the store is asked to lock the objects of a plan; zero is not at all. A date that has passed
// while the entry waited is left out, since stores refuse it.
func (a *Archive) lockUntil(p *plan) time.Time {
	if !a.c.ObjectLock || !p.Stored.Minimum.After(a.now()) {
		return time.Time{}
	}
	return p.Stored.Minimum
}

// check asks the vault what it holds, reads all of it back and compares it with the plan. The audio cannot be read here,
// since the controller's key may be elsewhere; that the encrypted bytes are the same is as good.
func (a *Archive) check(ctx context.Context, p *plan, part storedPart) error {
	v, err := a.head(ctx, vault.Key(part.Key), part.Version)
	if err != nil {
		return err
	}
	if err := a.differs(v, p, part); err != nil {
		return err
	}
	ctx, cancel := patient(ctx, part.StoredSize)
	defer cancel()
	r, err := a.bucket.Open(ctx, vault.Key(part.Key), part.Version, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	sum, err := digestOf(ctx, r)
	if err != nil {
		return err
	}
	if sum.size != part.StoredSize || sum.hex() != part.StoredSHA256 {
		return fmt.Errorf("%w: vault gives back other bytes", errMismatch)
	}
	return nil
}

// record says in the ledger that the recording is stored, and which tickets its signalling named, and waits until the
// catalog knows. What the ledger says already is not said again: an earlier attempt may have come this far.
func (a *Archive) record(ctx context.Context, p *plan) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, seq, err := a.ends(ctx)
	if err != nil {
		return err
	}
	if err := a.catalog.Wait(ctx, seq); err != nil {
		return err
	}
	known, err := a.Recording(ctx, p.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		// COMMIT 2: a crash before the append leaves an entry that is stored again, to the same objects; after it a
		// recording that the spool holds a copy of, which the next attempt removes.
		if seq, err = a.append(ctx, eventStored, p.ID, ActorSignalling, p.Stored); err != nil {
			return err
		}
	case err != nil:
		return err
	case !sameParts(known.Parts, p.Stored.Parts):
		return fmt.Errorf("%w: ledger holds this recording with other parts", errMismatch)
	}
	if err := a.crash("stored"); err != nil {
		return err
	}
	for _, t := range p.Tickets { // a second attempt would put back one that was taken off since the first
		if hasTicket(known, t.ID) {
			continue
		}
		if seq, err = a.append(ctx, eventLinked, p.ID, ActorSignalling, recordingLinked{t.ID, t.Source}); err != nil {
			return err
		}
	}
	if err := a.crash("linked"); err != nil {
		return err
	}
	if err := a.catalog.Wait(ctx, seq); err != nil {
		return err
	}
	return a.crash("folded")
}

// sameParts says whether the ledger's recording is the one of a plan. Versions may differ: where a store has no conditional
// put, a second attempt made another version of the same bytes.
func sameParts(known []catalog.Part, planned []storedPart) bool {
	if len(known) != len(planned) {
		return false
	}
	for i, k := range known {
		if k.Key != planned[i].Key || k.StoredSHA256 != planned[i].StoredSHA256 {
			return false
		}
	}
	return true
}

func hasTicket(r catalog.Recording, ticket string) bool {
	for _, l := range r.Tickets {
		if l.Ticket == ticket {
			return true
		}
	}
	return false
}
