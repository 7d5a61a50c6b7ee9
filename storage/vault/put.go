package vault

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

const checksumHeader = "X-Amz-Checksum-Sha256"

// Put writes an object in one request that every store keeps its word on: size known, one PUT, SHA-256 as a header and MD5, only if the
// key is free. An answer that says nothing certain (412, a broken connection) is settled by asking for what is there: the same bytes
// are success, since an earlier try may have come through; others are ErrDifferent.
func (c *Client) Put(ctx context.Context, o Object) (Version, error) {
	if _, err := o.Body.Seek(0, io.SeekStart); err != nil {
		return Version{}, fmt.Errorf("put %s: %w", o.Key, err)
	}
	_, putErr := c.s3.PutObject(ctx, c.bucket, string(o.Key), o.Body, o.Size, c.putOptions(o))
	v, err := c.Head(ctx, o.Key, "")
	switch {
	case err == nil && v.Size == o.Size && v.Known && v.SHA256 == o.SHA256:
		return v, nil
	case err == nil && putErr == nil && v.Size == o.Size && !v.Known:
		return v, nil // a store that keeps no checksums; the read-back decides
	case err == nil && v.Known:
		return Version{}, fmt.Errorf("put %s: %w", o.Key, ErrDifferent)
	case putErr != nil:
		return Version{}, fmt.Errorf("put %s: %w", o.Key, putErr)
	case err != nil:
		return Version{}, fmt.Errorf("look at %s after putting it: %w", o.Key, err)
	}
	return Version{}, fmt.Errorf("put %s: %w", o.Key, ErrDifferent)
}

// putOptions asks for what the store can do.
func (c *Client) putOptions(o Object) minio.PutObjectOptions {
	caps := c.capabilities()
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
		opts.Mode, opts.RetainUntilDate = minio.Governance, o.RetainUntil.UTC()
		if o.Compliance {
			opts.Mode = minio.Compliance
		}
	}
	if caps.ObjectLock && o.Hold {
		opts.LegalHold = minio.LegalHoldEnabled
	}
	return opts
}

// Head says what a version is; version "" is the current one.
func (c *Client) Head(ctx context.Context, key Key, version string) (Version, error) {
	info, err := c.s3.StatObject(ctx, c.bucket, string(key), minio.StatObjectOptions{VersionID: version, Checksum: true})
	if err != nil {
		return Version{}, fmt.Errorf("look at %s: %w", key, notFound(err))
	}
	return versionOf(info), nil
}

func versionOf(info minio.ObjectInfo) Version {
	v := Version{Key: Key(info.Key), ID: info.VersionID, Size: info.Size, Modified: info.LastModified}
	if sum, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256); err == nil && len(sum) == len(v.SHA256) {
		v.SHA256, v.Known = [32]byte(sum), true
	}
	v.Hold = info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"
	if t, err := parseTime(info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date")); err == nil {
		v.RetainUntil = t
	}
	return v
}

// Open reads a version from an offset to its end.
func (c *Client) Open(ctx context.Context, key Key, version string, offset int64) (io.ReadCloser, error) {
	opts := minio.GetObjectOptions{VersionID: version}
	if offset > 0 {
		if err := opts.SetRange(offset, 0); err != nil {
			return nil, fmt.Errorf("open %s: %w", key, err)
		}
	}
	body, _, header, err := c.core.GetObject(ctx, c.bucket, string(key), opts)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, notFound(err))
	}
	if offset > 0 && header.Get("Content-Range") == "" {
		body.Close()
		return nil, fmt.Errorf("open %s: the store ignored the range that was asked for", key)
	}
	return body, nil
}

// Tags of a version.
func (c *Client) Tags(ctx context.Context, key Key, version string) (map[string]string, error) {
	t, err := c.s3.GetObjectTagging(ctx, c.bucket, string(key), minio.GetObjectTaggingOptions{VersionID: version})
	if err != nil {
		return nil, fmt.Errorf("read tags of %s: %w", key, notFound(err))
	}
	return t.ToMap(), nil
}

// errPrecondition says that a store refused a conditional request.
func isPrecondition(err error) bool {
	return minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed
}
