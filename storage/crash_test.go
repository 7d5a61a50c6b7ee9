package storage

import (
	"errors"
	"testing"

	"linewarden/storage/vault/vaulttest"
)

// crashPoints are all points of an upload at which a test can end it, in order.
var crashPoints = []string{
	"encrypted", "planned", "put key", "put audio.wav", "put peaks.json", "put manifest.json",
	"checked", "stored", "linked", "folded", "removed",
}

var errCrash = errors.New("the test ends it here")

// TestRestartAtEveryPoint ends the archive at every point of an upload, starts it again on the same folders, and wants one
// recording, no entry, and a catalog that a rebuilt one is equal to.
func TestRestartAtEveryPoint(t *testing.T) {
	for _, point := range crashPoints {
		t.Run(point, func(t *testing.T) {
			r := newRig(t, t.TempDir(), vaulttest.New(t))
			crashed := make(chan struct{})
			first := true // the one entry is uploaded by one goroutine at a time
			r.crashAt = func(at string) error {
				if at != point {
					return nil
				}
				if first {
					first = false
					close(crashed)
				}
				return errCrash
			}
			r.start()
			r.archive.Sealed(sealEntry(t, r.spool, call(0)))
			<-crashed
			r.stop()
			if first {
				t.Fatal("the point was not reached")
			}

			r.crashAt = nil
			r.start()
			r.drained()
			r.detailed()
			mustHaveStored(r, 0)
			mustReindexEqual(r)
		})
	}
}
