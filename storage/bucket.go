package storage

import (
	"context"
	"io"

	"linewarden/storage/vault"
)

// Bucket is where recordings are kept: a vault.Client, or in a test a bucket in memory that fails on demand. All methods
// may be called from any goroutine.
//
// An error of Put means that the object may be there or not; the archive tries again with the same key and the same bytes,
// for as long as it takes, and the bucket must answer a Put of what it holds already with success. A Put of other bytes
// under a key that is taken must fail with vault.ErrDifferent and change nothing. When Put returns no error the object is
// durable, carries its tags, lock and hold, and keeps them.
type Bucket interface {
	Put(ctx context.Context, o vault.Object) (vault.Version, error)
	// Head says what a version of an object is; version "" is the current one. It fails with vault.ErrNotFound when there
	// is none.
	Head(ctx context.Context, key vault.Key, version string) (vault.Version, error)
	// Open reads a version from an offset to its end, as the store delivers it: nothing says that the bytes are whole until
	// the archive has compared them.
	Open(ctx context.Context, key vault.Key, version string, offset int64) (io.ReadCloser, error)
}

var _ Bucket = (*vault.Client)(nil)
