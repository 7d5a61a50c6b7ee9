package vault

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"
)

// backendWithBucket opens a backend in this process, which moves its working directory, and makes bucket b in it.
func backendWithBucket(t *testing.T) *durable {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir) // to be moved back at the end
	d, err := newDurable(filepath.Join(dir, "objects"), filepath.Join(dir, "versions"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.disk.Close() })
	lock := true
	in := &s3.CreateBucketInput{Bucket: new("b"), ObjectLockEnabledForBucket: &lock, CreateBucketConfiguration: &types.CreateBucketConfiguration{}}
	if err := d.CreateBucket(t.Context(), in, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	return d
}

func putInput(key, text string) s3response.PutObjectInput {
	size := int64(len(text))
	return s3response.PutObjectInput{
		Bucket: new("b"), Key: &key, Body: strings.NewReader(text), ContentLength: &size, IfNoneMatch: new("*"),
		ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
	}
}

func TestPutSyncsEveryFolder(t *testing.T) {
	d := backendWithBucket(t)
	synced := make(map[string]bool)
	d.sync = func(path string) error {
		synced[strings.TrimPrefix(path, d.root)] = true
		return syncPath(path)
	}
	if _, err := d.PutObject(t.Context(), putInput("rec/2026/a", "x")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/b/rec/2026/a", "/b/rec/2026", "/b/rec", "/b", ""} {
		if !synced[path] {
			t.Errorf("objects%s was not synced", path)
		}
	}
}

// TestNothingIsSeenUnprotected looks at an object at the moment when it is published: what a kill would leave.
func TestNothingIsSeenUnprotected(t *testing.T) {
	d := backendWithBucket(t)
	in := putInput("rec/a", "x")
	until := time.Now().Add(time.Hour)
	in.Tagging, in.ObjectLockMode, in.ObjectLockRetainUntilDate = new("class=normal"), types.ObjectLockModeGovernance, &until
	seen := false
	d.sync = func(path string) error {
		if !strings.HasSuffix(path, "/rec/a") {
			return syncPath(path)
		}
		seen = true
		if hold, err := d.GetObjectLegalHold(t.Context(), "b", "rec/a", ""); err != nil || hold == nil || !*hold {
			t.Errorf("hold: %v, %v", hold, err)
		}
		if lock, err := d.GetObjectRetention(t.Context(), "b", "rec/a", ""); err != nil || !strings.Contains(string(lock), "GOVERNANCE") {
			t.Errorf("lock: %s, %v", lock, err)
		}
		if tags, err := d.GetObjectTagging(t.Context(), "b", "rec/a", ""); err != nil || tags["class"] != "normal" {
			t.Errorf("tags: %v, %v", tags, err)
		}
		return syncPath(path)
	}
	if _, err := d.PutObject(t.Context(), in); err != nil || !seen {
		t.Errorf("put: %v, seen %v", err, seen)
	}
}

// TestWhatIsRareIsSynced says that everything else that changes an object is answered when it is on disk, and fails when that cannot
// be.
func TestWhatIsRareIsSynced(t *testing.T) {
	d := backendWithBucket(t)
	in := putInput("rec/a", "x")
	in.ObjectLockLegalHoldStatus = ""
	out, err := d.PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := json.Marshal(types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: new(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("input/output error")
	syncfs := d.syncAll
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"tag", func(ctx context.Context) error {
			return d.PutObjectTagging(ctx, "b", "rec/a", "", map[string]string{"k": "v"})
		}},
		{"take tags off", func(ctx context.Context) error { return d.DeleteObjectTagging(ctx, "b", "rec/a", "") }},
		{"lock", func(ctx context.Context) error { return d.PutObjectRetention(ctx, "b", "rec/a", "", lock) }},
		{"hold", func(ctx context.Context) error { return d.PutObjectLegalHold(ctx, "b", "rec/a", "", true) }},
		{"release", func(ctx context.Context) error { return d.PutObjectLegalHold(ctx, "b", "rec/a", "", false) }},
		{"overwrite", func(ctx context.Context) error { // moves the first version away
			again := putInput("rec/a", "y")
			again.IfNoneMatch = nil
			_, err := d.PutObject(ctx, again)
			return err
		}},
		{"delete", func(ctx context.Context) error {
			_, err := d.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: new("b"), Key: new("rec/a"), VersionId: &out.VersionID})
			return err
		}},
	} {
		calls := 0
		d.syncAll = func() error { calls++; return broken }
		if err := step.do(t.Context()); !errors.Is(err, broken) || calls == 0 {
			t.Errorf("%s on a broken disk: %v after %d syncs", step.name, err, calls)
		}
		d.syncAll = syncfs
		if step.name == "delete" { // there is nothing left to delete
			continue
		}
		if err := step.do(t.Context()); err != nil {
			t.Errorf("%s again: %v", step.name, err)
		}
	}
}

func TestFolderIsNoObject(t *testing.T) {
	d := backendWithBucket(t)
	if _, err := d.PutObject(t.Context(), putInput("rec/", "")); err == nil {
		t.Error("a folder, which cannot be held, was put with a hold")
	}
}

func TestHalfMadeBuckets(t *testing.T) {
	d := backendWithBucket(t)
	for name, crash := range map[string]func(dir string) error{
		"no attributes": func(string) error { return nil },
		"some":          func(dir string) error { return d.attrs.StoreAttribute(nil, dir, "", "acl", []byte("{}")) },
		"staging":       func(dir string) error { return os.Mkdir(filepath.Join(dir, ".sgwtmp"), 0o700) },
	} {
		dir := filepath.Join(d.root, "half")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := crash(dir); err != nil {
			t.Fatal(err)
		}
		if err := d.dropHalfMade("half"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the bucket is still there: %v", name, err)
		}
	}
	kept := filepath.Join(d.root, "half", "recording")
	if err := os.MkdirAll(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.dropHalfMade("half"); err == nil {
		t.Error("a bucket that holds something and has no lock is nothing to go on with")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}

func TestWhatCouldNotBeSyncedIsNotThere(t *testing.T) {
	d := backendWithBucket(t)
	broken := errors.New("input/output error")
	d.sync = func(path string) error {
		if strings.HasSuffix(path, "/rec") {
			return broken
		}
		return syncPath(path)
	}
	if _, err := d.PutObject(t.Context(), putInput("rec/a", "x")); !errors.Is(err, broken) {
		t.Errorf("put: %v", err)
	}
	if _, err := d.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("rec/a")}); err == nil {
		t.Error("an object that may not be on disk can be seen")
	}
	d.sync = syncPath
	if _, err := d.PutObject(t.Context(), putInput("rec/a", "x")); err != nil {
		t.Errorf("put again: %v", err)
	}
}

func TestHeadWaitsForSync(t *testing.T) {
	d := backendWithBucket(t)
	published, goOn := make(chan struct{}), make(chan struct{})
	d.sync = func(path string) error {
		if strings.HasSuffix(path, "/rec/a") {
			close(published)
			<-goOn
		}
		return syncPath(path)
	}
	put, head := make(chan error, 1), make(chan error, 1)
	go func() { // ends when goOn is closed
		_, err := d.PutObject(t.Context(), putInput("rec/a", "x"))
		put <- err
	}()
	<-published
	if _, err := os.Stat(filepath.Join(d.root, "b/rec/a")); err != nil {
		t.Fatalf("the object should be published: %v", err)
	}
	go func() { // ends after the put
		_, err := d.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("rec/a")})
		head <- err
	}()
	if _, err := d.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("rec/b")}); err == nil {
		t.Error("another object is there")
	}
	select {
	case err := <-head:
		t.Errorf("head answered before the object was synced: %v", err)
		head <- err
	case <-time.After(100 * time.Millisecond): // a head that does not wait takes a hundredth of it
	}
	close(goOn)
	if err := errors.Join(<-put, <-head); err != nil {
		t.Error(err)
	}
}

func TestHeldVersionIsInNoBulkDelete(t *testing.T) {
	d := backendWithBucket(t)
	out, err := d.PutObject(t.Context(), putInput("rec/a", "x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: new("b"), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: new("rec/a"), VersionId: &out.VersionID}},
	}})
	if err == nil {
		t.Error("a held version was deleted")
	}
	if _, err := d.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("b"), Key: new("rec/a"), VersionId: &out.VersionID}); err != nil {
		t.Error(err)
	}
}

func TestCrashLeavesNoLitter(t *testing.T) {
	d := backendWithBucket(t)
	staged := filepath.Join(d.root, "b", ".sgwtmp", "cut-off")
	if err := os.MkdirAll(filepath.Dir(staged), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(staged, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.dropHalfMade("b"), d.dropStaged()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(staged); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("staged file: %v", err)
	}
	if _, err := d.PutObject(t.Context(), putInput("rec/a", "x")); err != nil {
		t.Errorf("the bucket does not work any more: %v", err)
	}
}
