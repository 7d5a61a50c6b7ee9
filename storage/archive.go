// Package storage is the archive: it brings sealed spool entries into the vault, records what happened in the ledger, and
// finds and plays recordings. Capturing calls, asking who may do what, and the servers behind vault and ledger it leaves to
// others.
package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
	"linewarden/storage/spool"
	"linewarden/storage/vault"
)

// Config says how the archive keeps recordings.
type Config struct {
	Node       string // name of this node, in every event
	ConfigHash string // of the configuration in force, in every event
	Software   string // name and version of this program, in the events of what it stored

	Purposes   map[string]Purpose
	ObjectLock bool // whether the vault locks objects, as its probe found

	Recipient    string // of the controller, in age's form; several, a line each, can all read
	Identity     string // that belongs to it; "" on a node that may store and not read
	PseudonymKey []byte // of callers' numbers, 32 bytes at least

	MinRetry, MaxRetry time.Duration // pause after the first failure and at most; 0 is 1 s and 1 min
	Log                *slog.Logger
}

const (
	defaultMinRetry = time.Second
	defaultMaxRetry = time.Minute
	// uploads is how many entries are on their way at once. An upload is some 13 requests, one after the other, and waits for
	// the network most of the time: four bring some six recordings a second into a store that is 50 ms away.
	uploads = 4
)

// ErrNotFound says that there is no such recording, part or token.
var ErrNotFound = catalog.ErrNotFound

// Archive keeps recordings. Its methods may be called from any goroutine.
type Archive struct {
	c       Config
	log     *slog.Logger
	keys    keychain
	bucket  Bucket
	ledger  *ledger.Ledger
	catalog *catalog.Catalog
	spool   *spool.Spool
	queue   *queue
	filler  *filler

	rebuilding sync.Mutex // held by Reindex: one at a time
	folding    sync.Mutex // held while events go into the catalog, and while another takes its place

	now     func() time.Time
	crashAt func(point string) error // lets a test end an attempt, or the process, at a named point; nil otherwise
}

// New makes an archive of its parts, which it does not close.
func New(c Config, b Bucket, l *ledger.Ledger, cat *catalog.Catalog, s *spool.Spool) (*Archive, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MinRetry <= 0 {
		c.MinRetry = defaultMinRetry
	}
	if c.MaxRetry <= 0 {
		c.MaxRetry = max(c.MinRetry, defaultMaxRetry)
	}
	if len(c.PseudonymKey) < minPseudonymKey {
		return nil, fmt.Errorf("key of pseudonyms has %d bytes and needs %d", len(c.PseudonymKey), minPseudonymKey)
	}
	keys, err := newKeychain(c.Recipient, c.Identity)
	if err != nil {
		return nil, err
	}
	if err := keys.try(); err != nil {
		return nil, err
	}
	a := &Archive{
		c: c, log: c.Log, keys: keys, bucket: b, ledger: l, catalog: cat, spool: s,
		queue: newQueue(c.MinRetry, c.MaxRetry), now: time.Now,
	}
	a.filler = newFiller(a, cat)
	return a, nil
}

// Run folds the ledger into the catalog, uploads sealed entries, oldest first, and fills in details, until ctx ends. What
// was on its way then is left for the next Run.
func (a *Archive) Run(ctx context.Context) error {
	entries, err := a.spool.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch seal, err := e.Sealed(); {
		case err != nil:
			a.log.Error("read seal; the entry stays in the spool", "rec", e.ID(), "error", err)
		case seal != nil:
			a.queue.add(e)
		}
	}
	var loops sync.WaitGroup
	loops.Go(func() { a.foldLoop(ctx) })   // ends with ctx
	loops.Go(func() { a.uploadLoop(ctx) }) // ends with ctx
	if len(a.keys.identities) > 0 {
		loops.Go(func() { a.filler.run(ctx) }) // ends with ctx
	}
	loops.Wait()
	return nil
}

// Sealed takes a sealed entry to upload. It never waits.
func (a *Archive) Sealed(e *spool.Entry) { a.queue.add(e) }

// Backlog says what waits in the spool.
func (a *Archive) Backlog() Backlog { return a.queue.backlog() }

// uploadLoop uploads what is due.
func (a *Archive) uploadLoop(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, uploads)
	for {
		select {
		case <-ctx.Done():
			return
		case free <- struct{}{}:
		}
		it := a.nextDue(ctx)
		if it == nil {
			return
		}
		running.Go(func() { // ends when the attempt does, soon after ctx at the latest
			defer func() { <-free }()
			a.attempt(ctx, it)
		})
	}
}

// nextDue waits for an entry that is due; nil when ctx has ended.
func (a *Archive) nextDue(ctx context.Context) *item {
	for ctx.Err() == nil {
		it, wait := a.queue.take(a.now())
		if it != nil {
			return it
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-a.queue.wake:
		case <-timer:
		}
	}
	return nil
}

// attempt uploads an entry and says what came of it.
func (a *Archive) attempt(ctx context.Context, it *item) {
	err := a.upload(ctx, it.entry)
	attempts := it.attempts // before settle gives the item back
	wait := a.queue.settle(it, a.now(), err)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, errCorrupt):
		a.log.Error("entry is corrupt and stays in the spool; a person must look", "rec", it.entry.ID(), "error", err)
	case isPowerOfTwo(attempts) && (errors.Is(err, errMismatch) || errors.Is(err, vault.ErrDifferent)):
		a.log.Error("vault or ledger disagree with the entry, which stays in the spool and is tried again; a person must look",
			"rec", it.entry.ID(), "attempts", attempts, "wait", wait, "error", err)
	case isPowerOfTwo(attempts):
		a.log.Warn("upload; it is tried again", "rec", it.entry.ID(), "attempts", attempts, "wait", wait, "error", err)
	}
}

// isPowerOfTwo picks the attempts that are worth a line: an outage must not fill the log.
func isPowerOfTwo(n int) bool { return n&(n-1) == 0 }

func (a *Archive) crash(point string) error {
	if a.crashAt == nil {
		return nil
	}
	return a.crashAt(point)
}
