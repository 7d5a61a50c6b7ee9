package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKillLosesNothingAcknowledged kills the child again and again under writers.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	const kills, between = 5, 5 // between two kills, so many objects at least are acknowledged
	e, c := start(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acks := make(chan struct{}, 1)
	var mu sync.Mutex
	acked := make(map[Key][32]byte) // Guarded by mu.
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() { // ends with ctx
			for n := 0; ctx.Err() == nil; n++ {
				o := object(Key(fmt.Sprintf("rec/%d/%d", w, n)), rand.Text())
				o.Hold = true
				if _, err := c.Put(ctx, o); err != nil {
					continue
				}
				mu.Lock()
				acked[o.Key] = o.SHA256
				mu.Unlock()
				select {
				case acks <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	for range kills {
		for range between {
			select {
			case <-acks:
			case <-ctx.Done():
				t.Fatal("nothing is acknowledged any more")
			}
		}
		if pid := e.Pid(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	cancel()
	writers.Wait()
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

// TestChildEndsWithItsParent kills a parent, which can then tell its child nothing any more.
func TestChildEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], parentMark, dir)
	parent.Stderr = os.Stderr
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	_, err = fmt.Fscanln(out, &child)
	if err = errors.Join(err, parent.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	parent.Wait() // says that it was killed
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lock, err := lockDir(ctx, dir) // which the child has as long as it lives
	if err != nil {
		syscall.Kill(child, syscall.SIGKILL)
		t.Fatalf("the child outlives its parent: %v", err)
	}
	lock.Close()
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

func TestOneServerAtATime(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, dir)
	second := make(chan *Embedded, 1)
	go func() { // ends when the first has ended
		e, err := StartEmbedded(t.Context(), EmbeddedConfig{
			Dir: dir, Socket: filepath.Join(dir, "other.sock"), Command: first.c.Command, Log: first.c.Log,
		})
		if err != nil {
			t.Error(err)
		}
		second <- e
	}()
	select {
	case e := <-second:
		t.Error("two servers have the folder")
		second <- e
	case <-time.After(300 * time.Millisecond):
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if e := <-second; e != nil {
		e.Close()
	}
}

func TestSignalsAreTheDaemons(t *testing.T) {
	e, c := start(t, t.TempDir())
	pid := e.Pid()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		if _, err := c.Put(t.Context(), object(Key(fmt.Sprint("rec/", n)), "x")); err != nil {
			t.Error(err)
		}
	}
	if e.Pid() != pid {
		t.Error("a signal ended the child")
	}
}

func TestRelativeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	_, c := start(t, "data")
	if _, err := c.Put(t.Context(), object("rec/a", "x")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join("data", "objects", embeddedBucket, "rec", "a")); err != nil {
		t.Error(err)
	}
}
