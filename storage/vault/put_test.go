package vault

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

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
