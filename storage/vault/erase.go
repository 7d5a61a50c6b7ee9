package vault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/minio/minio-go/v7"
)

// List goes through the current versions of objects whose key begins with prefix, in the order of keys.
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

// errLeft says that something of an object is still there after it was erased.
var errLeft = errors.New("the store still has a version of it")

// Erase deletes every version and delete marker of an object, and lists what is left to prove that nothing is. The store refuses
// what is locked or held; then the error says so, and what was deleted before stays deleted.
func (c *Client) Erase(ctx context.Context, key Key) error {
	for v, err := range c.versions(ctx, key) {
		if err != nil {
			return err
		}
		if err := c.s3.RemoveObject(ctx, c.bucket, string(key), minio.RemoveObjectOptions{VersionID: v.ID}); err != nil {
			return fmt.Errorf("erase %s: %w", key, err)
		}
	}
	for _, err := range c.versions(ctx, key) {
		if err == nil {
			err = errLeft
		}
		return fmt.Errorf("erase %s: %w", key, err)
	}
	return nil
}

// versions goes through every version and marker of one key.
func (c *Client) versions(ctx context.Context, key Key) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		for v, err := range c.list(ctx, minio.ListObjectsOptions{Prefix: string(key), WithVersions: c.capabilities().Versioning}) {
			if (err != nil || v.Key == key) && !yield(v, err) {
				return
			}
		}
	}
}

// parseTime reads the times of lock headers; stores differ in how many digits they give.
func parseTime(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) }
