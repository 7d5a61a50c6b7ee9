package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"linewarden/storage/vault"
	"linewarden/storage/vault/vaulttest"
)

// TestFaultAtEveryKey lets the first requests about one object fail, in both ways, and wants what TestUpload wants.
func TestFaultAtEveryKey(t *testing.T) {
	const failures = 2
	for _, op := range []string{"put", "head", "open"} {
		for _, fault := range []vaulttest.Fault{vaulttest.ButPersist, vaulttest.AndNotPersist} {
			for _, name := range partNames {
				t.Run(fmt.Sprintf("%s %s %d", op, name, fault), func(t *testing.T) {
					t.Parallel()
					key, err := objectKey(call(0).ID, name)
					if err != nil {
						t.Fatal(err)
					}
					b, left := vaulttest.New(t), failures
					b.Fail(func(asked string, about vault.Key) vaulttest.Fault {
						if asked != op || about != key || left == 0 {
							return vaulttest.None
						}
						left--
						return fault
					})
					r := newRig(t, t.TempDir(), b).start()
					r.archive.Sealed(sealEntry(t, r.spool, call(0)))
					r.drained()
					r.detailed()
					if left == failures {
						t.Error("no request failed")
					}
					mustHaveStored(r, 0)
				})
			}
		}
	}
}

// TestFaultsAndRestarts lets a third of all requests fail and ends the archive at random points, again and again.
func TestFaultsAndRestarts(t *testing.T) {
	const calls, restarts = 5, 15
	b, rng := vaulttest.New(t), rand.New(rand.NewPCG(1, 2))
	r := newRig(t, t.TempDir(), b)
	for restart := range restarts {
		faults := rand.New(rand.NewPCG(3, uint64(restart)))
		b.Fail(func(string, vault.Key) vaulttest.Fault { // called with the bucket's lock
			return []vaulttest.Fault{vaulttest.None, vaulttest.None, vaulttest.None, vaulttest.None, vaulttest.ButPersist, vaulttest.AndNotPersist}[faults.IntN(6)]
		})
		point, crashed := crashPoints[rng.IntN(len(crashPoints))], make(chan struct{}, uploads)
		r.crashAt = func(at string) error {
			if at != point {
				return nil
			}
			select {
			case crashed <- struct{}{}:
			default:
			}
			return errCrash
		}
		r.start()
		if restart < calls {
			r.archive.Sealed(sealEntry(t, r.spool, call(restart)))
		}
		r.eventually("the point is reached, or there is nothing left to do", func() bool {
			return len(crashed) > 0 || r.archive.Backlog().Waiting == 0
		})
		r.stop()
	}
	b.Fail(nil)
	r.crashAt = nil
	r.start()
	r.drained()
	for n := range calls {
		mustHaveStored(r, n)
	}
	mustReindexEqual(r)
}

// TestTagsOfObjects compares the tags of every object with the purposes.
func TestTagsOfObjects(t *testing.T) {
	r, b, id := storedCall(t)
	rec := mustHaveStored(r, 0)
	want := tagsOf("Telefaks AS", "no", []string{"training", "proof"}, retentionOf(testPurposes, []string{"training", "proof"}, callsBegan))
	for _, p := range rec.Parts {
		got, err := b.Tags(context.Background(), vault.Key(p.Key), p.Version)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s of %s: got %v, %v, want %v", p.Name, id, got, err, want)
		}
	}
}
