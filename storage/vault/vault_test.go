package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// childMark makes the test binary the child that StartEmbedded runs.
const childMark = "VAULT_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childMark {
		if err := ServeEmbedded(context.Background(), os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start starts an embedded store on a folder, with a client of its bucket.
func start(t testing.TB, dir string) (*Embedded, *Client) {
	t.Helper()
	e, err := StartEmbedded(t.Context(), EmbeddedConfig{
		Dir: dir, Socket: filepath.Join(dir, "s3.sock"), Command: []string{os.Args[0], childMark}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	c, err := New(e.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e, c
}

func object(key Key, text string) Object {
	return Object{
		Key: key, Body: strings.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text)), ContentType: "text/plain",
		Tags: map[string]string{"class": "normal", "purposes": "service:fraud"},
	}
}

func read(t testing.TB, c *Client, v Version, offset int64) string {
	t.Helper()
	r, err := c.Open(t.Context(), v.Key, v.ID, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPutAndRead(t *testing.T) {
	_, c := start(t, t.TempDir())
	o := object("rec/2026/01/02/x/audio.wav.age", "hello, recording")
	v, err := c.Put(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if v.ID == "" || v.Size != o.Size || !v.Known || v.SHA256 != o.SHA256 {
		t.Errorf("put gave %+v", v)
	}
	if got := read(t, c, v, 0); got != "hello, recording" {
		t.Errorf("read %q", got)
	}
	if got := read(t, c, v, 7); got != "recording" {
		t.Errorf("read from 7: %q", got)
	}
	tags, err := c.Tags(t.Context(), v.Key, v.ID)
	if err != nil || tags["purposes"] != "service:fraud" || len(tags) != 2 {
		t.Errorf("tags %v, %v", tags, err)
	}
	var keys []Key
	for v, err := range c.List(t.Context(), "rec/2026/01/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, v.Key)
	}
	if !slices.Equal(keys, []Key{o.Key}) {
		t.Errorf("listed %v", keys)
	}
	if err := c.Erase(t.Context(), o.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Head(t.Context(), o.Key, v.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after erasing: %v", err)
	}
	if _, err := c.Open(t.Context(), "rec/nothing", "", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("open nothing: %v", err)
	}
}

func TestPutTwice(t *testing.T) {
	_, c := start(t, t.TempDir())
	first, err := c.Put(t.Context(), object("rec/a", "same"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Put(t.Context(), object("rec/a", "same"))
	if err != nil || again.ID != first.ID {
		t.Errorf("the same once more: version %q after %q, %v", again.ID, first.ID, err)
	}
	if _, err := c.Put(t.Context(), object("rec/a", "other")); !errors.Is(err, ErrDifferent) {
		t.Errorf("other bytes: %v", err)
	}
	if got := read(t, c, first, 0); got != "same" {
		t.Errorf("the object is now %q", got)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // a 412 without reading this much breaks the connection
	o := Object{Key: "rec/big", Body: bytes.NewReader(big), Size: int64(len(big)), SHA256: sha256.Sum256(big)}
	for range 2 {
		if _, err := c.Put(t.Context(), o); err != nil {
			t.Errorf("big object: %v", err)
		}
	}
}

func TestWrongHashIsRefused(t *testing.T) {
	_, c := start(t, t.TempDir())
	o := object("rec/a", "bytes")
	o.SHA256 = sha256.Sum256([]byte("other"))
	if _, err := c.Put(t.Context(), o); err == nil {
		t.Error("bytes with the hash of others were taken")
	}
	if _, err := c.Head(t.Context(), "rec/a", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("something was stored: %v", err)
	}
}

func TestLockAndHold(t *testing.T) {
	_, c := start(t, t.TempDir())
	locked, held := object("rec/locked", "x"), object("rec/held", "y")
	locked.RetainUntil = time.Now().Add(time.Hour).Truncate(time.Second)
	held.RetainUntil, held.Hold = time.Now().Add(2*time.Second).Truncate(time.Second), true
	for _, o := range []Object{locked, held} {
		v, err := c.Put(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !v.RetainUntil.Equal(o.RetainUntil) || v.Hold != o.Hold {
			t.Errorf("%s: locked until %v, held %v", o.Key, v.RetainUntil, v.Hold)
		}
		if err := c.Erase(t.Context(), o.Key); err == nil {
			t.Errorf("%s was erased", o.Key)
		}
	}
	time.Sleep(time.Until(held.RetainUntil) + time.Second)
	if err := c.Erase(t.Context(), held.Key); err == nil {
		t.Error("a held object was erased when its lock had ended")
	}
	v, err := c.Head(t.Context(), held.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	off := minio.LegalHoldDisabled
	if err := c.s3.PutObjectLegalHold(t.Context(), c.bucket, string(held.Key), minio.PutObjectLegalHoldOptions{VersionID: v.ID, Status: &off}); err != nil {
		t.Fatal(err)
	}
	if err := c.Erase(t.Context(), held.Key); err != nil {
		t.Errorf("erase when the hold is released: %v", err)
	}
}

func TestProbe(t *testing.T) {
	e, c := start(t, t.TempDir())
	caps, err := c.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !caps.Versioning || !caps.ObjectLock || !caps.Tags || !caps.ConditionalPut || !caps.ChecksumEnforced || len(caps.Notes) > 0 {
		t.Errorf("the embedded store is said to lack something: %+v", caps)
	}
	for v := range c.List(t.Context(), "") {
		t.Errorf("the probe left %s", v.Key)
	}
	config := e.Config()
	config.Bucket = "nobodys-bucket"
	wrong, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Probe(t.Context()); err == nil {
		t.Error("a bucket that is not there was probed")
	}
}

func TestUseAsksOnlyForWhatTheStoreHas(t *testing.T) {
	_, c := start(t, t.TempDir())
	c.Use(Capabilities{Versioning: true})
	o := object("rec/a", "x")
	o.RetainUntil, o.Hold = time.Now().Add(time.Hour), true
	v, err := c.Put(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if tags, err := c.Tags(t.Context(), v.Key, v.ID); err != nil || len(tags) > 0 || v.Hold || !v.RetainUntil.IsZero() {
		t.Errorf("asked for more: tags %v, %v, version %+v", tags, err, v)
	}
}

// TestKillLosesNothingAcknowledged kills the child again and again under writers.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	e, c := start(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var mu sync.Mutex
	acked := make(map[Key][32]byte)
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				o := object(Key(fmt.Sprintf("rec/%d/%d", w, n)), rand.Text())
				o.Hold = true
				if _, err := c.Put(ctx, o); err == nil {
					mu.Lock()
					acked[o.Key] = o.SHA256
					mu.Unlock()
				}
			}
		})
	}
	kills := 0
	for ; ctx.Err() == nil; time.Sleep(300 * time.Millisecond) {
		if pid := e.Pid(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
			kills++
		}
	}
	writers.Wait()
	if kills < 3 || len(acked) < 10 {
		t.Fatalf("%d kills, %d objects acknowledged: that shows nothing", kills, len(acked))
	}
	waitUp(t, c)
	for key, sum := range acked {
		v, err := c.Head(t.Context(), key, "")
		if err != nil || v.SHA256 != sum || !v.Hold {
			t.Fatalf("%s: %+v, %v", key, v, err)
		}
		tags, err := c.Tags(t.Context(), key, "")
		if err != nil || tags["class"] != "normal" {
			t.Fatalf("%s: tags %v, %v", key, tags, err)
		}
	}
	for v, err := range c.List(t.Context(), "") { // also what was not acknowledged is whole, or not there
		if err != nil {
			t.Fatal(err)
		}
		full, err := c.Head(t.Context(), v.Key, "")
		if err != nil || !full.Hold || sha256.Sum256([]byte(read(t, c, full, 0))) != full.SHA256 {
			t.Fatalf("%s is there in part: %+v, %v", v.Key, full, err)
		}
	}
}

func waitUp(t *testing.T, c *Client) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := c.s3.BucketExists(t.Context(), c.bucket)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestRestartKeepsDataAndKeys(t *testing.T) {
	dir := t.TempDir()
	e, c := start(t, dir)
	v, err := c.Put(t.Context(), object("rec/a", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e.Pid() != 0 {
		t.Error("the child runs on")
	}
	_, c = start(t, dir)
	if got := read(t, c, v, 0); got != "x" {
		t.Errorf("after a restart the object is %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "keys.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys: %v, %v", info.Mode(), err)
	}
}

func TestLongSocketPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	_, c := start(t, dir)
	if _, err := c.Put(t.Context(), object("rec/a", "x")); err != nil {
		t.Error(err)
	}
}

func TestChildEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], childMark)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fmt.Fprintf(stdin, `{"dir":%q,"socket":%q,"access_key":"a","secret_key":"s"}`+"\n", dir, filepath.Join(dir, "s"))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the child
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := dialUnix(t.Context(), filepath.Join(dir, "s")); err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the child does not answer")
		}
	}
	stdin.Close() // as the kernel does when the parent dies
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		t.Error("the child outlives its parent")
	}
}

func TestHalfMadeBucketIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects", embeddedBucket), 0o700); err != nil {
		t.Fatal(err)
	}
	_, c := start(t, dir)
	if _, err := c.Put(t.Context(), object("rec/a", "x")); err != nil {
		t.Error(err)
	}
	e, err := StartEmbedded(t.Context(), EmbeddedConfig{Dir: t.TempDir(), Socket: "/nowhere/s", Command: []string{os.Args[0], childMark}, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		e.Close()
		t.Error("a store that cannot listen was started")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	e, _ := start(t, t.TempDir())
	for _, change := range []func(*Config){
		func(c *Config) { c.SecretKey = "guess" },
		func(c *Config) { c.AccessKey, c.SecretKey = "", "" },
	} {
		config := e.Config()
		change(&config)
		c, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Put(t.Context(), object("rec/a", "x")); err == nil {
			t.Error("a stranger wrote into the store")
		}
	}
}

func BenchmarkPut(b *testing.B) {
	_, c := start(b, b.TempDir())
	body := make([]byte, 500_000)
	rand.Read(body)
	sum := sha256.Sum256(body)
	b.SetBytes(int64(len(body)))
	for n := 0; b.Loop(); n++ {
		if _, err := c.Put(b.Context(), Object{Key: Key(fmt.Sprint("rec/", n)), Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sum}); err != nil {
			b.Fatal(err)
		}
	}
}
