package vault

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/minio/minio-go/v7"
)

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

// List goes through the current versions of objects whose key begins with prefix, in the order of keys. It says key, size and
// time; for all else ask Head.
func (c *Client) List(ctx context.Context, prefix string) iter.Seq2[Version, error] {
	return c.list(ctx, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
}

func (c *Client) list(ctx context.Context, opts minio.ListObjectsOptions) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // ends the listing when the loop does
		defer cancel()
		for info := range c.s3.ListObjectsIter(ctx, c.bucket, opts) {
			if info.Err != nil {
				yield(Version{}, fmt.Errorf("list objects: %w", info.Err))
				return
			}
			if !yield(versionOf(info), nil) {
				return
			}
		}
	}
}

// parseTime reads the times of lock headers; stores differ in how many digits they give.
func parseTime(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) }
