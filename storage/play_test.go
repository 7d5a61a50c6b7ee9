package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"linewarden/storage/vault"
	"linewarden/storage/vault/vaulttest"
)

// storedCall starts a rig that has stored call 0.
func storedCall(t testing.TB) (r *rig, b *vaulttest.Bucket, id string) {
	t.Helper()
	b = vaulttest.New(t)
	r = newRig(t, t.TempDir(), b).start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.drained()
	r.detailed()
	return r, b, call(0).ID
}

func TestPlay(t *testing.T) {
	r, b, id := storedCall(t)
	before := b.Count("open")
	audio, err := r.archive.Play(context.Background(), Play{Actor: "agent-7", Recording: id, Reason: "callback", Ticket: "T-0", Range: "bytes=0-"})
	if err != nil {
		t.Fatal(err)
	}
	defer audio.Close()
	if n := r.count(eventPlayed, id); n != 1 {
		t.Errorf("%d plays in the ledger before the first byte, want 1", n)
	}
	want := audioOf(id)
	got, err := io.ReadAll(audio)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v, or they differ", len(got), err)
	}
	if n := b.Count("open") - before; n != 3 {
		t.Errorf("playing took %d requests, want 3: the key, the audio, and its last chunk", n)
	}
	sum := sha256.Sum256(want)
	if audio.Size != int64(len(want)) || audio.SHA256 != hex.EncodeToString(sum[:]) || !audio.ModTime.Equal(call(0).EndedAt) {
		t.Errorf("got size %d, hash %s, time %v", audio.Size, audio.SHA256, audio.ModTime)
	}

	var ev recordingPlayed
	for _, e := range r.events() {
		if e.Type == eventPlayed {
			if err := json.Unmarshal(e.Data, &ev); err != nil || e.Actor != "agent-7" {
				t.Errorf("got actor %q, %v", e.Actor, err)
			}
		}
	}
	if want := (recordingPlayed{"audio.wav", "callback", "T-0", "bytes=0-"}); ev != want {
		t.Errorf("got %+v, want %+v", ev, want)
	}
	r.eventually("the play is counted", func() bool {
		rec, err := r.archive.Recording(context.Background(), id)
		return err == nil && rec.Plays == 1
	})
}

// TestPlayHTTP asks for ranges as a browser does.
func TestPlayHTTP(t *testing.T) {
	r, _, id := storedCall(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		audio, err := r.archive.Play(req.Context(), Play{Actor: "agent-7", Recording: id, Range: req.Header.Get("Range")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer audio.Close()
		http.ServeContent(w, req, "audio.wav", audio.ModTime, audio)
	}))
	defer srv.Close()
	whole := audioOf(id)
	for ranges, want := range map[string][]byte{
		"":                     whole,
		"bytes=0-":             whole,
		"bytes=0-1":            whole[:2],
		"bytes=65535-65536":    whole[65535:65537],
		"bytes=100000-199999":  whole[100_000:200_000],
		"bytes=-44":            whole[len(whole)-44:],
		"bytes=299999-9999999": whole[299_999:],
	} {
		req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ranges != "" {
			req.Header.Set("Range", ranges)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %s, %d bytes, %v, want %d", ranges, res.Status, len(got), err, len(want))
		}
	}
}

// TestPlayTampered changes one bit of what the store has, at many places. No reader may ever see a wrong byte.
func TestPlayTampered(t *testing.T) {
	r, b, id := storedCall(t)
	rec, err := r.archive.Recording(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	part, _ := partOf(rec, "audio.wav")
	key, whole := vault.Key(part.Key), audioOf(id)
	read := func() ([]byte, error) {
		audio, err := r.archive.Play(context.Background(), Play{Actor: "agent-7", Recording: id})
		if err != nil {
			return nil, err
		}
		defer audio.Close()
		return io.ReadAll(audio)
	}
	for _, at := range []int64{0, 30, 170, 205, 230, 70_000, 150_000, part.StoredSize - 20, part.StoredSize - 1} {
		flip := func(data []byte) []byte { data[at] ^= 1; return data }
		b.Corrupt(key, flip)
		if got, err := read(); err == nil || !bytes.HasPrefix(whole, got) {
			t.Errorf("byte %d changed: got %d bytes, %v, want an error and no wrong byte", at, len(got), err)
		}
		b.Corrupt(key, flip) // back
	}
	if got, err := read(); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("whole again: got %d bytes, %v", len(got), err)
	}
	b.Corrupt(key, func(data []byte) []byte { return data[:len(data)/2] })
	if got, err := read(); err == nil {
		t.Errorf("cut in half: got %d bytes and no error", len(got))
	}
}

func TestPlayRefused(t *testing.T) {
	r, b, id := storedCall(t)
	ctx := context.Background()
	for name, tt := range map[string]struct {
		play Play
		want error
	}{
		"unknown recording": {Play{Recording: call(9).ID}, ErrNotFound},
		"unknown part":      {Play{Recording: id, Part: "video.mp4"}, ErrNotFound},
		"the key":           {Play{Recording: id, Part: "key"}, ErrNotFound},
		"a bad ticket":      {Play{Recording: id, Ticket: "no ticket"}, ErrBadPlay},
		"a long reason":     {Play{Recording: id, Reason: strings.Repeat("x", maxReason+1)}, ErrBadPlay},
	} {
		if _, err := r.archive.Play(ctx, tt.play); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	b.Fail(func(string, vault.Key) vaulttest.Fault { return vaulttest.AndNotPersist })
	if _, err := r.archive.Play(ctx, Play{Recording: id}); err == nil {
		t.Error("the store is down: no error")
	}
	if n := r.count(eventPlayed, id); n != 0 {
		t.Errorf("%d plays in the ledger, want none", n)
	}
}

// TestPlayWithoutIdentity is a node that may store and not read: it stores all the same.
func TestPlayWithoutIdentity(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t))
	r.config.Identity = ""
	r.start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.drained()
	rec := mustHaveStored(r, 0)
	if rec.Details != nil {
		t.Errorf("got details %+v", rec.Details)
	}
	if _, err := r.archive.Play(context.Background(), Play{Recording: rec.ID}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("got %v, want %v", err, ErrNoIdentity)
	}
}

func BenchmarkPlay(b *testing.B) {
	r, _, id := storedCall(b)
	b.SetBytes(int64(len(audioOf(id))))
	b.ReportAllocs()
	for b.Loop() {
		audio, err := r.archive.Play(context.Background(), Play{Actor: "agent-7", Recording: id})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, audio); err != nil {
			b.Fatal(err)
		}
		if err := audio.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
