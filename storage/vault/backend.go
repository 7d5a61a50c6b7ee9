package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

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

// copyLimit is the largest object that can be copied, in bytes: S3's limit. Left at zero the server refuses every copy.
const copyLimit = 5 << 30

// durable makes three things true of backend/posix that are not: what was acknowledged survives a power cut, an object that is put
// is not seen before its tags, lock and hold are on it, and a held version is not deleted, whatever its retention says. A copy and a
// completed multipart upload get theirs after they are seen; linewarden makes neither.
type durable struct {
	*posix.Posix
	root    string   // of the objects
	disk    *os.File // root, opened, for syncfs
	attrs   meta.XattrMeta
	sync    func(path string) error // syncPath, but in tests
	syncAll func() error            // syncfs of disk, but in tests
	pending *pending
	holds   sync.Mutex // held while a hold is set, and while a version that has none is deleted
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
	p, err := posix.New(root, meta.XattrMeta{}, posix.PosixOpts{
		VersioningDir: versions, NewDirPerm: 0o700, NewFilePerm: 0o600, CopyObjectThreshold: copyLimit,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open objects: %w", err), disk.Close())
	}
	d := &durable{Posix: p, root: root, disk: disk, sync: syncPath, pending: newPending()}
	d.syncAll = func() error { return unix.Syncfs(int(disk.Fd())) }
	// A server that was killed may have published objects that it did not sync. A client that asks about them takes the answer
	// for an acknowledgement.
	return d, d.synced(nil)
}

// PutObject publishes an object with everything on it, and answers when it is on disk.
func (d *durable) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if strings.HasSuffix(*in.Key, "/") { // it would be a folder, which has no versions and keeps no lock
		return s3response.PutObjectOutput{}, s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	attrs, err := d.takeAttributes(&in)
	if err != nil {
		return s3response.PutObjectOutput{}, err
	}
	name := filepath.Join(d.root, *in.Bucket, *in.Key)
	done := func() {}
	defer func() { done() }()
	out, err := d.PutObjectWithPostFunc(ctx, in, func(staged *os.File) error {
		for name, value := range attrs {
			if err := d.attrs.StoreAttribute(staged, "", "", name, value); err != nil {
				return fmt.Errorf("store %s: %w", name, err)
			}
		}
		done = d.pending.begin(name)
		return staged.Sync() // never a published object without its bytes
	})
	if err != nil {
		return out, err
	}
	// COMMIT: before these syncs a power cut leaves the object there or not there, and the client, which has no answer, puts it
	// again; after them it is there.
	err = d.syncObject(name)
	if err == nil && in.IfNoneMatch == nil { // it may have moved an earlier version into the folder of versions
		err = d.synced(nil)
	}
	if err != nil {
		// A second sync would succeed without having written anything, so nobody may find this version.
		_, undo := d.Posix.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: in.Bucket, Key: in.Key, VersionId: &out.VersionID})
		return s3response.PutObjectOutput{}, errors.Join(err, undo)
	}
	return out, nil
}

// HeadObject says nothing about an object that is published and not yet on disk.
func (d *durable) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	if in.Bucket != nil && in.Key != nil {
		d.pending.wait(filepath.Join(d.root, *in.Bucket, *in.Key))
	}
	return d.Posix.HeadObject(ctx, in)
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

// checkHold fails when a version has a legal hold, and when that cannot be found out.
func (d *durable) checkHold(ctx context.Context, bucket, key, version *string) error {
	if bucket == nil || key == nil || version == nil || *version == "" {
		return nil // it only adds a marker, which hides and deletes nothing
	}
	hold, err := d.GetObjectLegalHold(ctx, *bucket, *key, *version)
	var known s3err.S3Error // it has none, or is not there
	switch {
	case err == nil && hold != nil && *hold:
		return s3err.GetAPIError(s3err.ErrObjectLocked)
	case err != nil && !errors.As(err, &known):
		return fmt.Errorf("look for legal hold: %w", err)
	}
	return nil
}

// DeleteObject refuses a held version.
func (d *durable) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	d.holds.Lock()
	defer d.holds.Unlock()
	if err := d.checkHold(ctx, in.Bucket, in.Key, in.VersionId); err != nil {
		return nil, err
	}
	out, err := d.Posix.DeleteObject(ctx, in)
	return out, d.synced(err)
}

// DeleteObjects refuses the whole request when it names a held version: who asks for that has made a mistake.
func (d *durable) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	d.holds.Lock()
	defer d.holds.Unlock()
	if in.Delete != nil {
		for _, o := range in.Delete.Objects {
			if err := d.checkHold(ctx, in.Bucket, o.Key, o.VersionId); err != nil {
				return s3response.DeleteResult{}, err
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

func (d *durable) DeleteObjectTagging(ctx context.Context, bucket, object, version string) error {
	return d.synced(d.Posix.DeleteObjectTagging(ctx, bucket, object, version))
}

func (d *durable) PutObjectLockConfiguration(ctx context.Context, bucket string, config []byte) error {
	return d.synced(d.Posix.PutObjectLockConfiguration(ctx, bucket, config))
}

func (d *durable) PutObjectRetention(ctx context.Context, bucket, object, version string, retention []byte) error {
	return d.synced(d.Posix.PutObjectRetention(ctx, bucket, object, version, retention))
}

func (d *durable) PutObjectLegalHold(ctx context.Context, bucket, object, version string, on bool) error {
	d.holds.Lock()
	defer d.holds.Unlock()
	return d.synced(d.Posix.PutObjectLegalHold(ctx, bucket, object, version, on))
}
