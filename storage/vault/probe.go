package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// probePrefix is where the probe puts its objects, which it erases.
const probePrefix = "probe/"

// cleanLimit bounds how long the probe tries to take its objects away.
const cleanLimit = 10 * time.Second

// maxSkew is how far the store's clock may be off before it is worth a word.
const maxSkew = 5 * time.Second

// Capabilities are what the configured bucket really does.
type Capabilities struct {
	Versioning       bool
	ObjectLock       bool // locks and holds
	Tags             bool // on the PUT itself
	ConditionalPut   bool // If-None-Match: *
	ChecksumEnforced bool // a wrong SHA-256 is refused
	ClockSkew        time.Duration
	Notes            []string // what it does not do, for people
}

// Use tells the client what the store can do. Until then it asks for everything.
func (c *Client) Use(caps Capabilities) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.caps = caps
}

func (c *Client) capabilities() Capabilities {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.caps
}

// Probe finds out what the bucket does, by doing it. It fails when the bucket cannot be used at all: no connection, no right, bytes
// that come back changed, objects that anybody may read, or that the bucket would lock by itself.
func (c *Client) Probe(ctx context.Context) (Capabilities, error) {
	p := prober{c: c, caps: c.capabilities(), body: []byte("linewarden probe " + rand.Text())}
	p.caps.Notes = nil
	p.key = Key(probePrefix + rand.Text())
	err := p.run(ctx)
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit) // also when ctx has ended meanwhile
	defer cancel()
	err = errors.Join(err, p.clean(clean))
	if err != nil {
		return Capabilities{}, fmt.Errorf("probe bucket: %w", err)
	}
	return p.caps, nil
}

type prober struct {
	c    *Client
	caps Capabilities
	body []byte
	key  Key
	made []Key
	held Version // has a hold to release
}

func (p *prober) note(format string, a ...any) {
	p.caps.Notes = append(p.caps.Notes, fmt.Sprintf(format, a...))
}

func (p *prober) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.versioning, p.tags, p.stranger, p.conditional, p.checksum, p.hold} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// clean erases what the probe made. A hold that could not be released leaves an object of a few bytes behind.
func (p *prober) clean(ctx context.Context) error {
	var errs []error
	if p.held.Key != "" {
		if err := notFound(p.c.hold(ctx, p.held, minio.LegalHoldDisabled)); !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	for _, key := range p.made {
		errs = append(errs, p.c.Erase(ctx, key))
	}
	return errors.Join(errs...)
}

// unsure says whether the same request may be answered otherwise another time.
func unsure(err error) bool {
	if err == nil {
		return false
	}
	code := minio.ToErrorResponse(err).StatusCode
	return code == 0 || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError && code != http.StatusNotImplemented
}

// versioning reads the bucket's settings.
func (p *prober) versioning(ctx context.Context) error {
	v, err := p.c.s3.GetBucketVersioning(ctx, p.c.bucket)
	if resp := minio.ToErrorResponse(err); unsure(err) || err != nil && (resp.Code == "NoSuchBucket" || resp.StatusCode == http.StatusForbidden) {
		return fmt.Errorf("read settings of bucket %s: %w", p.c.bucket, err)
	}
	p.caps.Versioning = err == nil && v.Enabled()
	if !p.caps.Versioning {
		p.note("the bucket keeps no versions: an overwritten object is gone")
	}
	lock, mode, _, _, err := p.c.s3.GetObjectLockConfig(ctx, p.c.bucket)
	if unsure(err) {
		return fmt.Errorf("read lock settings of bucket %s: %w", p.c.bucket, err)
	}
	if err == nil && mode != nil && *mode != "" { // nothing is written yet, which could not be erased
		return fmt.Errorf("bucket %s has a default retention: it would lock every object for as long as that, and nothing could be erased in time; take it off, linewarden locks each object by itself", p.c.bucket)
	}
	p.caps.ObjectLock = err == nil && lock == "Enabled"
	if !p.caps.ObjectLock {
		p.note("the bucket has no Object Lock: legal minimums and holds are kept by the ledger alone")
	}
	return nil
}

// tags puts the first object, with a tag if the store takes it, and reads it back.
func (p *prober) tags(ctx context.Context) error {
	p.made = append(p.made, p.key)
	opts := p.options(p.body)
	opts.UserTags = map[string]string{"probe": "1"}
	began := time.Now()
	_, err := p.put(ctx, p.key, opts)
	if err == nil {
		got, tagErr := p.c.Tags(ctx, p.key, "")
		p.caps.Tags = tagErr == nil && got["probe"] == "1"
	} else if resp := minio.ToErrorResponse(err); resp.StatusCode == http.StatusNotImplemented || resp.StatusCode == http.StatusBadRequest {
		p.caps.Tags = false
		_, err = p.put(ctx, p.key, p.options(p.body))
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if !p.caps.Tags {
		p.note("the store takes no tags with an object: lifecycle rules by tag are not possible, linewarden does without")
	}
	return p.readBack(ctx, began)
}

func (p *prober) readBack(ctx context.Context, began time.Time) error {
	v, err := p.c.Head(ctx, p.key, "")
	if err != nil {
		return err
	}
	if p.caps.ClockSkew = v.Modified.Sub(began.Truncate(time.Second)); p.caps.ClockSkew > maxSkew || p.caps.ClockSkew < -maxSkew {
		p.note("the store's clock is off by %v", p.caps.ClockSkew.Round(time.Second))
	}
	r, err := p.c.Open(ctx, p.key, v.ID, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(p.body))+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, p.body) {
		return errors.New("what was written comes back changed; this store cannot be used")
	}
	return nil
}

// stranger asks for the object without keys.
func (p *prober) stranger(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.c.base+"/"+string(p.key), nil)
	if err != nil {
		return err
	}
	res, err := p.c.anon.Do(req)
	if err != nil {
		return fmt.Errorf("knock without keys: %w", err)
	}
	res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return errors.New("anybody can read this bucket; close it first")
	}
	return nil
}

// conditional puts the same key once more.
func (p *prober) conditional(ctx context.Context) error {
	opts := p.options(p.body)
	opts.SetMatchETagExcept("*")
	_, err := p.put(ctx, p.key, opts)
	if unsure(err) {
		return fmt.Errorf("write twice: %w", err)
	}
	p.caps.ConditionalPut = minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed
	if !p.caps.ConditionalPut {
		p.note("the store does not refuse to overwrite (If-None-Match): keys are unique anyway, and every object is read back")
	}
	return nil
}

// checksum puts bytes with the hash of others.
func (p *prober) checksum(ctx context.Context) error {
	key := p.key + "-sum"
	p.made = append(p.made, key)
	_, err := p.put(ctx, key, p.options([]byte("other bytes")))
	if unsure(err) {
		return fmt.Errorf("write with a wrong hash: %w", err)
	}
	p.caps.ChecksumEnforced = err != nil
	if !p.caps.ChecksumEnforced {
		p.note("the store does not check SHA-256: MD5 and reading back must do")
	}
	return nil
}

// hold tries to delete a held version. Whether a hold outlives a lock is not asked, since that takes an expiry.
func (p *prober) hold(ctx context.Context) error {
	if !p.caps.ObjectLock {
		return nil
	}
	key := p.key + "-hold"
	p.made = append(p.made, key)
	opts := p.options(p.body)
	opts.LegalHold = minio.LegalHoldEnabled
	p.held = Version{Key: key} // also when the answer gets lost
	info, err := p.put(ctx, key, opts)
	if err == nil {
		p.held.ID = info.VersionID
		err = p.c.s3.RemoveObject(ctx, p.c.bucket, string(key), minio.RemoveObjectOptions{VersionID: info.VersionID})
	}
	if unsure(err) {
		return fmt.Errorf("write with a hold: %w", err)
	}
	v, headErr := p.c.Head(ctx, key, p.held.ID)
	if headErr != nil && !errors.Is(headErr, ErrNotFound) {
		return headErr
	}
	if headErr != nil {
		p.held = Version{}
	}
	if p.caps.ObjectLock = err != nil && headErr == nil && v.Hold; !p.caps.ObjectLock {
		p.note("the bucket claims Object Lock and does not keep holds: legal minimums and holds are kept by the ledger alone")
	}
	return nil
}

func (p *prober) options(hashed []byte) minio.PutObjectOptions {
	sum := sha256.Sum256(hashed)
	return minio.PutObjectOptions{
		SendContentMd5: true, DisableMultipart: true,
		UserMetadata: map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(sum[:])},
	}
}

func (p *prober) put(ctx context.Context, key Key, opts minio.PutObjectOptions) (minio.UploadInfo, error) {
	return p.c.s3.PutObject(ctx, p.c.bucket, string(key), bytes.NewReader(p.body), int64(len(p.body)), opts)
}
