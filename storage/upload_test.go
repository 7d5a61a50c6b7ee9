package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"linewarden/storage/catalog"
	"linewarden/storage/vault"
	"linewarden/storage/vault/vaulttest"
)

// parts of a test call, in the order they are put.
var partNames = []string{"key", "audio.wav", "peaks.json", "manifest.json"}

// mustHaveStored checks everything there is to check about a call that was stored.
func mustHaveStored(r *rig, n int) catalog.Recording {
	r.t.Helper()
	ctx, m := context.Background(), call(n)
	rec, err := r.archive.Recording(ctx, m.ID)
	if err != nil {
		r.t.Fatalf("call %d: %v", n, err)
	}
	if got := r.count(eventStored, m.ID); got != 1 {
		r.t.Errorf("call %d was stored %d times", n, got)
	}
	if got := r.count(eventLinked, m.ID); got != 2 {
		r.t.Errorf("call %d was linked %d times, want 2", n, got)
	}
	var names []string
	for _, p := range rec.Parts {
		names = append(names, p.Name)
		if v, err := r.bucket.Head(ctx, vault.Key(p.Key), p.Version); err != nil || v.Size != p.StoredSize {
			r.t.Errorf("call %d: %s: vault has %d bytes, %v, want %d", n, p.Name, v.Size, err, p.StoredSize)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(partNames)); !slices.Equal(names, want) {
		r.t.Errorf("call %d: got parts %v, want %v", n, names, want)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "spool", m.ID)); !errors.Is(err, os.ErrNotExist) {
		r.t.Errorf("call %d is in the spool still: %v", n, err)
	}
	return rec
}

func TestUpload(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	for n := range 5 {
		r.archive.Sealed(sealEntry(t, r.spool, call(n)))
	}
	r.drained()
	r.detailed()
	for n := range 5 {
		mustHaveStored(r, n)
	}
	rec := mustHaveStored(r, 0)
	m := call(0)
	if rec.State != StateStored || !rec.StartedAt.Equal(m.StartedAt) || rec.DurationMS != m.DurationMS || rec.Class != ClassNormal ||
		!rec.Expires.Equal(m.StartedAt.Add(3*year)) || !rec.Minimum.Equal(m.StartedAt.Add(year)) || rec.CallerHash == "" {
		t.Errorf("got %+v", rec)
	}
	want := catalog.Details{
		Caller: "+4722000000", Callee: "+4780080080", CallerName: "Kari Nordmann", SIPCallID: m.SIP.CallID, Loss: 0.05,
	}
	if rec.Details == nil || *rec.Details != want {
		t.Errorf("got details %+v, want %+v", rec.Details, want)
	}
	found, err := r.archive.FindByTicket(context.Background(), "shared")
	if err != nil || len(found) != 5 {
		t.Errorf("got %d recordings of the shared ticket, %v, want 5", len(found), err)
	}
}

// TestUploadNamesNobody looks for the caller in everything that is not encrypted.
func TestUploadNamesNobody(t *testing.T) {
	var logged syncBuffer
	r := newRig(t, t.TempDir(), vaulttest.New(t))
	r.config.Log = logged.logger()
	r.start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.drained()
	texts := map[string]string{"log": logged.String()}
	for _, ev := range r.events() {
		texts["event "+ev.Type] += string(ev.Data) + ev.Actor
	}
	for where, text := range texts {
		for _, secret := range []string{"22000000", "22 00 00 00", "Kari", "sip:", "80080080", "not a ticket", "AGE-SECRET-KEY"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q", where, secret)
			}
		}
	}
}

func TestUploadQuarantineClass(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	m := call(0)
	m.Purposes = []string{"gossip"}
	r.archive.Sealed(sealEntry(t, r.spool, m))
	r.drained()
	rec := mustHaveStored(r, 0)
	if rec.Class != ClassQuarantine || !rec.Expires.IsZero() || !rec.Minimum.IsZero() {
		t.Errorf("got class %q, expires %v, minimum %v", rec.Class, rec.Expires, rec.Minimum)
	}
	v, err := r.bucket.Head(context.Background(), vault.Key(rec.Parts[0].Key), rec.Parts[0].Version)
	if err != nil || !v.RetainUntil.IsZero() {
		t.Errorf("got a lock until %v, %v, want none", v.RetainUntil, err)
	}
}

// TestUploadLock compares what the store was asked for with the purposes: only the legal minimum is locked.
func TestUploadLock(t *testing.T) {
	for _, lock := range []bool{true, false} {
		r := newRig(t, t.TempDir(), vaulttest.New(t))
		r.config.ObjectLock = lock
		r.start()
		m := call(0)
		m.StartedAt = time.Now().Truncate(time.Second)
		r.archive.Sealed(sealEntry(t, r.spool, m))
		r.drained()
		want := time.Time{}
		if lock {
			want = m.StartedAt.Add(year)
		}
		for _, p := range mustHaveStored(r, 0).Parts {
			v, err := r.bucket.Head(context.Background(), vault.Key(p.Key), p.Version)
			if err != nil || !v.RetainUntil.Equal(want) {
				t.Errorf("lock %v: %s: got a lock until %v, %v, want %v", lock, p.Name, v.RetainUntil, err, want)
			}
		}
	}
}

// TestCorruptEntry damages a sealed part. The entry stays for a person, and the others go on.
func TestCorruptEntry(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	bad := sealEntry(t, r.spool, call(0))
	audio := audioOf(bad.ID())
	audio[len(audio)/2] ^= 1
	if err := os.WriteFile(filepath.Join(bad.Dir(), "audio.wav"), audio, 0o600); err != nil {
		t.Fatal(err)
	}
	r.archive.Sealed(bad)
	r.archive.Sealed(sealEntry(t, r.spool, call(1)))
	r.eventually("the damage is found", func() bool { b := r.archive.Backlog(); return b.Corrupt == 1 && b.Waiting == 1 })
	mustHaveStored(r, 1)
	if n := r.count(eventStored, bad.ID()); n != 0 {
		t.Errorf("the corrupt entry was stored %d times", n)
	}
	if _, err := os.Stat(filepath.Join(bad.Dir(), "seal.json")); err != nil {
		t.Errorf("the corrupt entry is not kept: %v", err)
	}
}

// TestCorruptPlan damages an encrypted part after it was planned, and before it was sent.
func TestCorruptPlan(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t))
	crashes := 0
	r.crashAt = func(point string) error {
		if point == "planned" && crashes == 0 {
			crashes++
			name := filepath.Join(r.dir, "spool", call(0).ID, uploadDir, "audio.wav.age")
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return os.WriteFile(name, data, 0o600)
		}
		return nil
	}
	r.start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.eventually("the damage is found", func() bool { return r.archive.Backlog().Corrupt == 1 })
	if n := r.count(eventStored, call(0).ID); n != 0 {
		t.Errorf("the corrupt entry was stored %d times", n)
	}
}

// TestVaultGivesBackOtherBytes has a store that says it has what was put, and does not.
func TestVaultGivesBackOtherBytes(t *testing.T) {
	var logged syncBuffer
	b := vaulttest.New(t)
	r := newRig(t, t.TempDir(), b)
	r.config.Log = logged.logger()
	key, err := objectKey(call(0).ID, "audio.wav")
	if err != nil {
		t.Fatal(err)
	}
	flip := func(data []byte) []byte { data[len(data)/2] ^= 1; return data }
	r.crashAt = func(point string) error {
		if point == "put manifest.json" {
			b.Corrupt(key, flip)
		}
		return nil
	}
	r.start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.eventually("the difference is found", func() bool { return strings.Contains(logged.String(), "level=ERROR") })
	if n := r.count(eventStored, call(0).ID); n != 0 || r.archive.Backlog().Waiting != 1 {
		t.Errorf("the recording was stored %d times, %+v", n, r.archive.Backlog())
	}
	b.Corrupt(key, flip) // the bytes come back as they were
	r.drained()
	mustHaveStored(r, 0)
}

// TestEncryption reads what is in the vault with nothing but the controller's identity.
func TestEncryption(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	r.archive.Sealed(sealEntry(t, r.spool, call(0)))
	r.drained()
	rec := mustHaveStored(r, 0)
	get := func(name string, id age.Identity) []byte {
		t.Helper()
		part, ok := partOf(rec, name)
		if !ok {
			t.Fatalf("no part %s", name)
		}
		body, err := r.bucket.Open(context.Background(), vault.Key(part.Key), part.Version, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		plain, err := age.Decrypt(body, id)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(plain)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	identity, err := age.ParseX25519Identity(string(get("key", identityIn(t, r.dir))))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(get("audio.wav", identity), audioOf(rec.ID)) {
		t.Error("the audio in the vault is not the call's")
	}
}
