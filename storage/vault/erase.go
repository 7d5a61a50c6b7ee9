package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// errLeft says that something of an object is still there after it was erased.
var errLeft = errors.New("the store still has a version of it")

// Erase deletes every version and delete marker of an object, and lists what is left to prove that nothing is. The store refuses
// what is locked or held; then the error says so, and what was deleted before stays deleted.
func (c *Client) Erase(ctx context.Context, key Key) error {
	found, err := c.versions(ctx, key)
	if err != nil {
		return fmt.Errorf("erase %s: %w", key, err)
	}
	for _, v := range found {
		if err := c.s3.RemoveObject(ctx, c.bucket, string(key), minio.RemoveObjectOptions{VersionID: v.ID}); err != nil {
			return fmt.Errorf("erase %s: %w", key, err)
		}
	}
	if found, err = c.versions(ctx, key); err == nil && len(found) > 0 {
		err = errLeft
	}
	if err != nil {
		return fmt.Errorf("erase %s: %w", key, err)
	}
	return nil
}

// versions lists every version and marker of one key. A store that knows no versions has one at most.
func (c *Client) versions(ctx context.Context, key Key) ([]Version, error) {
	found, err := c.exactly(ctx, key, true)
	if minio.ToErrorResponse(errors.Unwrap(err)).StatusCode == http.StatusNotImplemented {
		found, err = c.exactly(ctx, key, false)
	}
	return found, err
}

func (c *Client) exactly(ctx context.Context, key Key, versions bool) (found []Version, err error) {
	for v, err := range c.list(ctx, minio.ListObjectsOptions{Prefix: string(key), Recursive: true, WithVersions: versions}) {
		if err != nil {
			return nil, err
		}
		if v.Key == key { // other keys may begin with it; markers may come after all versions
			found = append(found, v)
		}
	}
	return found, nil
}
