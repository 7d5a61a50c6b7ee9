// Package vaulttest is a bucket in memory that keeps the contract of a vault strictly, fails the test that breaks it, and fails on
// demand in both ways a network can: with the work done, and with it not done.
package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"linewarden/storage/vault"
)

// Fault is what goes wrong with a request.
type Fault int

const (
	None          Fault = iota
	ButPersist          // the request is carried out, and fails all the same
	AndNotPersist       // the request fails and nothing has happened
)

// ErrFault is what a request fails with on demand.
var ErrFault = errors.New("fault that the test asked for")

// Bucket is a bucket in memory. It has the methods of vault.Client and may be used by any goroutine.
type Bucket struct {
	t testing.TB

	mu sync.Mutex
	// Guarded by mu.
	fault   func(op string, key vault.Key) Fault
	objects map[vault.Key]*object
	counts  map[string]int
	serial  int
}

type object struct {
	version vault.Version
	body    []byte
	tags    map[string]string
}

// New makes an empty bucket that fails t when its contract is broken.
func New(t testing.TB) *Bucket {
	return &Bucket{t: t, objects: make(map[vault.Key]*object), counts: make(map[string]int)}
}

// Fail sets what goes wrong: fault is asked for every request, by its method's name in lower case. Nil means nothing.
func (b *Bucket) Fail(fault func(op string, key vault.Key) Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = fault
}

// Count is how often a method was called.
func (b *Bucket) Count(op string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[op]
}

// Keys lists every key, sorted.
func (b *Bucket) Keys() []vault.Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

// Corrupt changes the stored bytes of an object behind everybody's back.
func (b *Bucket) Corrupt(key vault.Key, change func([]byte) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		b.t.Errorf("corrupt %s: no such object", key)
		return
	}
	o.body = change(bytes.Clone(o.body))
}

// beginLocked counts a request and says what goes wrong with it.
func (b *Bucket) beginLocked(ctx context.Context, op string, key vault.Key) (Fault, error) {
	b.counts[op]++
	if err := ctx.Err(); err != nil {
		return None, err
	}
	if b.fault == nil {
		return None, nil
	}
	f := b.fault(op, key)
	if f == AndNotPersist {
		return f, fmt.Errorf("%s %s: %w", op, key, ErrFault)
	}
	return f, nil
}

// Put keeps the contract: the hash must be that of the bytes, a key that is taken keeps its bytes.
func (b *Bucket) Put(ctx context.Context, o vault.Object) (vault.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault, err := b.beginLocked(ctx, "put", o.Key)
	if err != nil {
		return vault.Version{}, err
	}
	if _, err := o.Body.Seek(0, io.SeekStart); err != nil {
		return vault.Version{}, err
	}
	body, err := io.ReadAll(o.Body)
	if err != nil {
		return vault.Version{}, err
	}
	b.checkLocked(o, body)
	o.RetainUntil = o.RetainUntil.UTC().Truncate(time.Second) // stores keep no fractions
	stored, taken := b.objects[o.Key]
	if taken && stored.version.SHA256 != o.SHA256 {
		b.t.Errorf("put %s: the key has other bytes already", o.Key)
		return vault.Version{}, fmt.Errorf("put %s: %w", o.Key, vault.ErrDifferent)
	}
	if !taken {
		b.serial++
		stored = &object{body: body, tags: maps.Clone(o.Tags), version: vault.Version{
			Key: o.Key, ID: fmt.Sprintf("v%d", b.serial), Size: int64(len(body)), SHA256: o.SHA256, Known: true,
			RetainUntil: o.RetainUntil, Hold: o.Hold, Modified: time.Now().Truncate(time.Second),
		}}
		b.objects[o.Key] = stored
	}
	b.repeatLocked(stored, o)
	if fault == ButPersist {
		return vault.Version{}, fmt.Errorf("put %s: %w", o.Key, ErrFault)
	}
	return stored.version, nil
}

// repeatLocked fails the test when a put that was repeated asks for something else, and adds what lock it asks for.
func (b *Bucket) repeatLocked(stored *object, o vault.Object) {
	if !maps.Equal(stored.tags, o.Tags) {
		b.t.Errorf("put %s: again, with other tags, which the object does not get", o.Key)
	}
	if v := &stored.version; !o.RetainUntil.IsZero() && o.RetainUntil.Before(v.RetainUntil) {
		b.t.Errorf("put %s: again, with a shorter lock", o.Key)
	} else if o.RetainUntil.After(v.RetainUntil) {
		v.RetainUntil = o.RetainUntil
	}
	stored.version.Hold = stored.version.Hold || o.Hold
}

// checkLocked fails the test for a request that no store would take, or not as it was meant.
func (b *Bucket) checkLocked(o vault.Object, body []byte) {
	if int64(len(body)) != o.Size {
		b.t.Errorf("put %s: %d bytes, but Size says %d", o.Key, len(body), o.Size)
	}
	if sha256.Sum256(body) != o.SHA256 {
		b.t.Errorf("put %s: SHA256 is not that of the bytes", o.Key)
	}
	if len(o.Tags) > 10 {
		b.t.Errorf("put %s: %d tags, and S3 takes 10", o.Key, len(o.Tags))
	}
	for k, v := range o.Tags {
		if len(k) > 128 || len(v) > 256 || strings.ContainsFunc(k+v, func(r rune) bool { return r > '~' || r < ' ' }) {
			b.t.Errorf("put %s: tag %q=%q is longer than S3 takes, or not ASCII", o.Key, k, v)
		}
	}
	if !o.RetainUntil.IsZero() && o.RetainUntil.Before(time.Now()) {
		b.t.Errorf("put %s: lock ends in the past, which S3 refuses", o.Key)
	}
}

// findLocked looks an object up.
func (b *Bucket) findLocked(key vault.Key, version string) (*object, error) {
	o, ok := b.objects[key]
	if !ok || (version != "" && version != o.version.ID) {
		return nil, fmt.Errorf("look at %s: %w", key, vault.ErrNotFound)
	}
	return o, nil
}

// Head says what an object is.
func (b *Bucket) Head(ctx context.Context, key vault.Key, version string) (vault.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault, err := b.beginLocked(ctx, "head", key)
	if err != nil {
		return vault.Version{}, err
	}
	o, err := b.findLocked(key, version)
	if err == nil && fault == ButPersist {
		err = ErrFault
	}
	if err != nil {
		return vault.Version{}, err
	}
	return o.version, nil
}

// Open reads an object from an offset. With the fault ButPersist it breaks off half-way.
func (b *Bucket) Open(ctx context.Context, key vault.Key, version string, offset int64) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault, err := b.beginLocked(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	o, err := b.findLocked(key, version)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > 0 && offset >= int64(len(o.body)) { // S3 has no empty ranges
		return nil, fmt.Errorf("open %s: offset %d of %d", key, offset, len(o.body))
	}
	rest := bytes.Clone(o.body[offset:])
	if fault == ButPersist {
		return io.NopCloser(io.MultiReader(bytes.NewReader(rest[:len(rest)/2]), broken{})), nil
	}
	return io.NopCloser(bytes.NewReader(rest)), nil
}

// broken is a connection that has broken.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, ErrFault }

// Tags of an object.
func (b *Bucket) Tags(ctx context.Context, key vault.Key, version string) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault, err := b.beginLocked(ctx, "tags", key)
	if err != nil {
		return nil, err
	}
	o, err := b.findLocked(key, version)
	if err == nil && fault == ButPersist {
		err = ErrFault
	}
	if err != nil {
		return nil, err
	}
	return maps.Clone(o.tags), nil
}

// List goes through the objects whose key begins with prefix, and says no more of them than a store does: key, size and time.
// With the fault ButPersist it breaks off half-way.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[vault.Version, error] {
	return func(yield func(vault.Version, error) bool) {
		b.mu.Lock()
		fault, err := b.beginLocked(ctx, "list", vault.Key(prefix))
		var found []vault.Version
		for _, key := range slices.Sorted(maps.Keys(b.objects)) {
			if strings.HasPrefix(string(key), prefix) {
				v := b.objects[key].version
				found = append(found, vault.Version{Key: key, Size: v.Size, Modified: v.Modified})
			}
		}
		b.mu.Unlock()
		if err != nil {
			yield(vault.Version{}, err)
			return
		}
		for n, v := range found {
			if fault == ButPersist && n >= len(found)/2 {
				break
			}
			if !yield(v, nil) {
				return
			}
		}
		if fault == ButPersist {
			yield(vault.Version{}, fmt.Errorf("list objects: %w", ErrFault))
		}
	}
}

// Erase deletes an object. To try it on one that is locked or held is an error of the program, and fails the test.
func (b *Bucket) Erase(ctx context.Context, key vault.Key) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault, err := b.beginLocked(ctx, "erase", key)
	if err != nil {
		return err
	}
	if o, ok := b.objects[key]; ok && (o.version.Hold || o.version.RetainUntil.After(time.Now())) {
		b.t.Errorf("erase %s: it is held, or locked until %v", key, o.version.RetainUntil)
		return fmt.Errorf("erase %s: it is locked", key)
	}
	delete(b.objects, key)
	if fault == ButPersist {
		return fmt.Errorf("erase %s: %w", key, ErrFault)
	}
	return nil
}
