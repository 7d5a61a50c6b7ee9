package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
)

// dropHalfMade removes a bucket whose creation a crash cut off: it would refuse to be created for ever. One that holds anything
// stays.
func (d *durable) dropHalfMade(bucket string) error {
	dir := filepath.Join(d.root, bucket)
	switch _, err := d.attrs.RetrieveAttribute(nil, dir, "", attrLock); {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, meta.ErrNoSuchKey):
		return fmt.Errorf("look at bucket %s: %w", bucket, err)
	}
	_ = os.Remove(filepath.Join(dir, posix.MetaTmpDir)) // empty, if the bucket is
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("bucket %s has no Object Lock and is not empty; move %s away: %w", bucket, dir, err)
	}
	return nil
}

// dropStaged removes the files of uploads that a crash cut off. There are some only where the file system cannot make files
// without a name.
func (d *durable) dropStaged() error {
	names, err := filepath.Glob(filepath.Join(d.root, "*", posix.MetaTmpDir, "*"))
	if err != nil {
		return fmt.Errorf("look for staged files: %w", err)
	}
	for _, name := range names {
		if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
			continue // a folder is the server's own
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("remove staged file: %w", err)
		}
	}
	return nil
}
