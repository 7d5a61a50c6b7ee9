package vault

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

const checksumHeader = "X-Amz-Checksum-Sha256"

// Put writes an object in one request that every store keeps its word on: size known, one PUT, SHA-256 as a header and MD5, only
// if the key is free. What comes of it is settled by asking for what is there, since an answer may say nothing (a broken
// connection) or be about an earlier try (412): the same bytes are success, others are ErrDifferent. A Body that is no
// io.ReaderAt is held in memory.
func (c *Client) Put(ctx context.Context, o Object) (Version, error) {
	v, err := c.put(ctx, o)
	if err != nil {
		return Version{}, fmt.Errorf("put %s: %w", o.Key, err)
	}
	return v, nil
}

func (c *Client) put(ctx context.Context, o Object) (Version, error) {
	caps := c.capabilities()
	if !caps.ConditionalPut { // the store would overwrite
		v, err := c.Head(ctx, o.Key, "")
		if err == nil {
			return c.settle(ctx, o, v, caps)
		}
		if !errors.Is(err, ErrNotFound) {
			return Version{}, err
		}
	}
	if _, err := o.Body.Seek(0, io.SeekStart); err != nil {
		return Version{}, fmt.Errorf("rewind: %w", err)
	}
	info, err := c.s3.PutObject(ctx, c.bucket, string(o.Key), o.Body, o.Size, putOptions(o, caps))
	if err == nil {
		v, err := c.Head(ctx, o.Key, info.VersionID)
		switch {
		case err != nil:
			return Version{}, err
		case v.Known || v.Size != o.Size:
			return c.settle(ctx, o, v, caps)
		}
		return c.protect(ctx, o, v, caps) // the store compared MD5, and that must do
	}
	v, headErr := c.Head(ctx, o.Key, "")
	if headErr != nil {
		return Version{}, err
	}
	return c.settle(ctx, o, v, caps)
}

// settle makes sure that a version in the store is the object, with its lock and hold.
func (c *Client) settle(ctx context.Context, o Object, v Version, caps Capabilities) (Version, error) {
	if v.Size != o.Size {
		return Version{}, ErrDifferent
	}
	sum := v.SHA256
	if !v.Known { // then only the bytes can tell
		var err error
		if sum, err = c.digest(ctx, v); err != nil {
			return Version{}, err
		}
	}
	if sum != o.SHA256 {
		return Version{}, ErrDifferent
	}
	return c.protect(ctx, o, v, caps)
}

// digest reads a version to know its hash.
func (c *Client) digest(ctx context.Context, v Version) (sum [32]byte, err error) {
	r, err := c.Open(ctx, v.Key, v.ID, 0)
	if err != nil {
		return sum, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return sum, fmt.Errorf("read back: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// protect gives a version the lock and the hold that it does not have: an earlier try may have been made when less was asked.
func (c *Client) protect(ctx context.Context, o Object, v Version, caps Capabilities) (Version, error) {
	if !caps.ObjectLock {
		return v, nil
	}
	until := o.RetainUntil.UTC().Truncate(time.Second) // stores keep no fractions
	missing := v.RetainUntil.Before(until)
	if missing {
		mode := lockMode(o)
		err := c.s3.PutObjectRetention(ctx, c.bucket, string(o.Key), minio.PutObjectRetentionOptions{
			VersionID: v.ID, Mode: &mode, RetainUntilDate: &until,
		})
		if err != nil {
			return Version{}, fmt.Errorf("lock: %w", err)
		}
	}
	if o.Hold && !v.Hold {
		missing = true
		if err := c.hold(ctx, v, minio.LegalHoldEnabled); err != nil {
			return Version{}, fmt.Errorf("hold: %w", err)
		}
	}
	if !missing {
		return v, nil
	}
	v, err := c.Head(ctx, v.Key, v.ID)
	if err == nil && (v.RetainUntil.Before(until) || o.Hold && !v.Hold) {
		err = errors.New("the store did not lock it")
	}
	return v, err
}

func (c *Client) hold(ctx context.Context, v Version, status minio.LegalHoldStatus) error {
	return c.s3.PutObjectLegalHold(ctx, c.bucket, string(v.Key), minio.PutObjectLegalHoldOptions{VersionID: v.ID, Status: &status})
}

func lockMode(o Object) minio.RetentionMode {
	if o.Compliance {
		return minio.Compliance
	}
	return minio.Governance
}

// putOptions asks for what the store can do.
func putOptions(o Object, caps Capabilities) minio.PutObjectOptions {
	opts := minio.PutObjectOptions{
		ContentType: o.ContentType, SendContentMd5: true, DisableMultipart: true,
		UserMetadata: map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(o.SHA256[:])},
	}
	if caps.ConditionalPut {
		opts.SetMatchETagExcept("*")
	}
	if caps.Tags {
		opts.UserTags = o.Tags
	}
	if caps.ObjectLock && !o.RetainUntil.IsZero() {
		opts.Mode, opts.RetainUntilDate = lockMode(o), o.RetainUntil.UTC()
	}
	if caps.ObjectLock && o.Hold {
		opts.LegalHold = minio.LegalHoldEnabled
	}
	return opts
}
