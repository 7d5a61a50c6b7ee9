package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"golang.org/x/sys/unix"
)

// Attributes of an object, as backend/posix names and writes them.
const (
	attrTags      = "X-Amz-Tagging"     // JSON object
	attrHold      = "object-legal-hold" // one byte, 1 when on
	attrRetention = "object-retention"  // JSON
	attrLock      = "bucket-lock"       // of a bucket: written last when one is created
)

// durable makes three things true of backend/posix that are not: what was acknowledged survives a power cut, an object is not seen
// before its tags, lock and hold are on it, and a held version is not deleted, whatever its retention says.
type durable struct {
	*posix.Posix
	root  string   // of the objects
	disk  *os.File // root, opened, for syncfs
	attrs meta.XattrMeta
}

func newDurable(root, versions string) (*durable, error) {
	for _, dir := range []string{root, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create folder of objects: %w", err)
		}
	}
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		return nil, fmt.Errorf("%w: the embedded store keeps tags and locks in extended attributes; put the data directory on ext4 or XFS, or use an S3 store", err)
	}
	disk, err := os.Open(root)
	if err != nil {
		return nil, fmt.Errorf("open folder of objects: %w", err)
	}
	p, err := posix.New(root, meta.XattrMeta{}, posix.PosixOpts{VersioningDir: versions, NewDirPerm: 0o700, NewFilePerm: 0o600})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open objects: %w", err), disk.Close())
	}
	return &durable{Posix: p, root: root, disk: disk}, nil
}

// PutObject publishes an object with everything on it, and answers when it is on disk.
func (d *durable) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	attrs, err := d.takeAttributes(&in)
	if err != nil {
		return s3response.PutObjectOutput{}, err
	}
	out, err := d.PutObjectWithPostFunc(ctx, in, func(staged *os.File) error {
		for name, value := range attrs {
			if err := d.attrs.StoreAttribute(staged, "", "", name, value); err != nil {
				return fmt.Errorf("store %s: %w", name, err)
			}
		}
		return staged.Sync() // never a published object without its bytes
	})
	if err != nil {
		return out, err
	}
	// COMMIT: before these syncs a power cut leaves the object there or not there, and the client, which has no answer, puts it
	// again; after them it is there.
	return out, d.syncObject(filepath.Join(d.root, *in.Bucket, *in.Key))
}

// takeAttributes takes tags, hold and retention out of a request, in the form in which they are stored.
func (d *durable) takeAttributes(in *s3response.PutObjectInput) (map[string][]byte, error) {
	attrs := make(map[string][]byte)
	if in.Tagging != nil && *in.Tagging != "" {
		tags, err := backend.ParseObjectTags(*in.Tagging)
		if err != nil {
			return nil, err
		}
		if attrs[attrTags], err = json.Marshal(tags); err != nil {
			return nil, fmt.Errorf("encode tags: %w", err)
		}
		in.Tagging = nil
	}
	if in.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn {
		attrs[attrHold] = []byte{1}
		in.ObjectLockLegalHoldStatus = ""
	}
	if in.ObjectLockMode != "" {
		b, err := json.Marshal(types.ObjectLockRetention{
			Mode: types.ObjectLockRetentionMode(in.ObjectLockMode), RetainUntilDate: in.ObjectLockRetainUntilDate,
		})
		if err != nil {
			return nil, fmt.Errorf("encode retention: %w", err)
		}
		attrs[attrRetention] = b
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = "", nil
	}
	return attrs, nil
}

// syncObject syncs a file and every folder above it up to the root.
func (d *durable) syncObject(path string) error {
	for ; len(path) >= len(d.root); path = filepath.Dir(path) {
		if err := syncPath(path); err != nil {
			return fmt.Errorf("sync object: %w", err)
		}
	}
	return nil
}

// syncPath syncs a file or folder. One that was replaced or deleted meanwhile needs no sync.
func syncPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// synced syncs the file system after something rare has succeeded.
func (d *durable) synced(err error) error {
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(d.disk.Fd())); err != nil {
		return fmt.Errorf("sync file system: %w", err)
	}
	return nil
}

// held says whether a version has a legal hold.
func (d *durable) held(ctx context.Context, bucket, key, version string) bool {
	hold, err := d.Posix.GetObjectLegalHold(ctx, bucket, key, version)
	return err == nil && hold != nil && *hold
}

// DeleteObject refuses a held version. Without a version it only adds a marker, which hides and deletes nothing.
func (d *durable) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	if in.VersionId != nil && in.Key != nil && d.held(ctx, *in.Bucket, *in.Key, *in.VersionId) {
		return nil, s3err.GetAPIError(s3err.ErrObjectLocked)
	}
	out, err := d.Posix.DeleteObject(ctx, in)
	return out, d.synced(err)
}

// DeleteObjects refuses the whole request when it names a held version: who asks for that has made a mistake.
func (d *durable) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	if in.Delete != nil {
		for _, o := range in.Delete.Objects {
			if o.VersionId != nil && o.Key != nil && d.held(ctx, *in.Bucket, *o.Key, *o.VersionId) {
				return s3response.DeleteResult{}, s3err.GetAPIError(s3err.ErrObjectLocked)
			}
		}
	}
	out, err := d.Posix.DeleteObjects(ctx, in)
	return out, d.synced(err)
}

func (d *durable) CreateBucket(ctx context.Context, in *s3.CreateBucketInput, acl []byte) error {
	return d.synced(d.Posix.CreateBucket(ctx, in, acl))
}

func (d *durable) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	out, version, err := d.Posix.CompleteMultipartUpload(ctx, in)
	return out, version, d.synced(err)
}

func (d *durable) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	out, err := d.Posix.CopyObject(ctx, in)
	return out, d.synced(err)
}

func (d *durable) PutObjectTagging(ctx context.Context, bucket, object, version string, tags map[string]string) error {
	return d.synced(d.Posix.PutObjectTagging(ctx, bucket, object, version, tags))
}

func (d *durable) PutObjectRetention(ctx context.Context, bucket, object, version string, retention []byte) error {
	return d.synced(d.Posix.PutObjectRetention(ctx, bucket, object, version, retention))
}

func (d *durable) PutObjectLegalHold(ctx context.Context, bucket, object, version string, on bool) error {
	return d.synced(d.Posix.PutObjectLegalHold(ctx, bucket, object, version, on))
}

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
