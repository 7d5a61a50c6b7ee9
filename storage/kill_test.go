package storage

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"linewarden/storage/vault"
)

// Variables that make a process of the test's binary the one that is killed.
const (
	killDir   = "LINEWARDEN_TEST_KILL_DIR"
	killPoint = "LINEWARDEN_TEST_KILL_POINT" // index of crashPoints, and number of the call
)

// TestKillAtEveryPoint kills a process that runs the whole archive on the embedded store, as kill -9 does, at every point
// of an upload in turn. Each process first finishes what the one before left, then takes the next call and is killed.
func TestKillAtEveryPoint(t *testing.T) {
	dir := t.TempDir()
	for n, point := range crashPoints {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		child.Env = append(os.Environ(), killDir+"="+dir, killPoint+"="+strconv.Itoa(n))
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s: got %v, want a killed process\n%s", point, err, out)
		}
	}
	r := startOnEmbedded(t, dir)
	r.drained()
	r.detailed()
	for n := range crashPoints {
		mustHaveStored(r, n)
	}
	mustReindexEqual(r)
}

// TestKilledProcess is the process that TestKillAtEveryPoint kills. Run by itself it has nothing to do.
func TestKilledProcess(t *testing.T) {
	dir := os.Getenv(killDir)
	n, err := strconv.Atoi(os.Getenv(killPoint))
	if dir == "" || err != nil {
		return
	}
	var armed func(point string)
	r := newEmbedded(t, dir)
	r.crashAt = func(point string) error {
		if armed != nil {
			armed(point)
		}
		return nil
	}
	r.start()
	r.drained()
	armed = func(point string) { // nothing is on its way that could be reading this
		if point == crashPoints[n] {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			select {}
		}
	}
	r.archive.Sealed(sealEntry(t, r.spool, call(n)))
	r.drained()
	t.Errorf("%s was not reached", crashPoints[n])
}

// newEmbedded makes a rig on the embedded store in dir.
func newEmbedded(t *testing.T, dir string) *rig {
	t.Helper()
	ctx := context.Background()
	store, err := vault.StartEmbedded(ctx, vault.EmbeddedConfig{
		Dir: filepath.Join(dir, "vault"), Socket: filepath.Join(dir, "vault.sock"), Command: []string{os.Args[0], "embedded-vault"},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close embedded store: %v", err)
		}
	})
	client, err := vault.New(store.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.EnsureBucket(ctx); err != nil {
		t.Fatal(err)
	}
	can, err := client.Probe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client.Use(can)
	r := newRig(t, dir, client)
	r.config.ObjectLock = can.ObjectLock
	return r
}

func startOnEmbedded(t *testing.T, dir string) *rig { return newEmbedded(t, dir).start() }
