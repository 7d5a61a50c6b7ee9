package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
)

// dropHalfMade removes buckets whose creation a crash cut off: they would refuse to be created for ever. One that holds anything
// stays.
func (d *durable) dropHalfMade() error {
	entries, err := os.ReadDir(d.root)
	if err != nil {
		return fmt.Errorf("look for buckets: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name()[0] == '.' {
			continue
		}
		if _, err := d.attrs.RetrieveAttribute(nil, filepath.Join(d.root, e.Name()), "", attrLock); !errors.Is(err, meta.ErrNoSuchKey) {
			continue
		}
		dir := filepath.Join(d.root, e.Name())
		_ = os.Remove(filepath.Join(dir, posix.MetaTmpDir)) // empty, if the bucket is
		if err := os.Remove(dir); err != nil {
			return fmt.Errorf("bucket %s has no Object Lock and is not empty; move %s away: %w", e.Name(), dir, err)
		}
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
