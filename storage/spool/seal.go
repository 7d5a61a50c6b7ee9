package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sealVersion = 1
	// maxSeal in bytes: a seal names a handful of parts.
	maxSeal = 1 << 20
	// maxManifest in bytes: a day of packets, every second one lost, has gaps for less than this.
	maxManifest = 256 << 20
)

// Seal says that an entry is finished, and what it consists of.
type Seal struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Parts   []Part    `json:"parts"` // every part, the manifest included
}

// Seal finishes the entry: it hashes the parts that CreatePart made, writes the manifest with them, and then the seal.
// Nothing can be added afterwards. When it fails it may be called again.
func (e *Entry) Seal(m Manifest) error {
	if m.ID != "" && m.ID != e.id {
		return fmt.Errorf("seal entry: the manifest is of another entry")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sealed {
		return fmt.Errorf("seal entry: %w", ErrSealed)
	}
	if err := e.sealLocked(m); err != nil {
		return fmt.Errorf("seal entry: %w", err)
	}
	if l := e.log.Load(); l != nil {
		l.abandon() // its packets are in the audio
	}
	return nil
}

func (e *Entry) sealLocked(m Manifest) error {
	parts, err := e.hashPartsLocked()
	if err != nil {
		return err
	}
	m.Version, m.ID, m.Parts = ManifestVersion, e.id, parts
	manifest, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := replaceSynced(e.path(nameManifest), manifest); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	e.spool.crash("seal: manifest")
	if err := syncDir(e.Dir()); err != nil { // the names of all parts
		return err
	}
	sum := sha256.Sum256(manifest)
	seal, err := json.Marshal(Seal{
		Version: sealVersion, ID: e.id, At: time.Now().UTC(),
		Parts: append(parts, Part{nameManifest, int64(len(manifest)), hex.EncodeToString(sum[:])}),
	})
	if err != nil {
		return fmt.Errorf("encode seal: %w", err)
	}
	e.spool.crash("seal: ready")
	// COMMIT 1: a crash before the rename inside leaves an open entry, which is finalised again from its journal and log;
	// after it a sealed one, of which every byte that the seal names is on disk already.
	if err := replaceSynced(e.path(nameSeal), seal); err != nil {
		return fmt.Errorf("write seal: %w", err)
	}
	e.spool.crash("seal: renamed")
	if err := syncDir(e.Dir()); err != nil {
		return err
	}
	e.sealed = true
	return nil
}

func (e *Entry) hashPartsLocked() ([]Part, error) {
	parts := make([]Part, 0, len(e.parts)+1)
	for _, name := range e.parts {
		p, err := hashPart(e.path(name), name)
		if err != nil {
			return nil, fmt.Errorf("hash part: %w", err)
		}
		parts = append(parts, p)
		e.spool.crash("seal: part")
	}
	return parts, nil
}

// hashPart reads a part through, after making sure that what it reads is on disk.
func hashPart(path, name string) (Part, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Part{}, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return Part{}, err
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return Part{}, err
	}
	return Part{name, size, hex.EncodeToString(h.Sum(nil))}, nil
}

// Sealed is the entry's seal, or nil when it has none.
func (e *Entry) Sealed() (*Seal, error) {
	seal, err := readSeal(e.path(nameSeal), e.id)
	if err != nil {
		return nil, fmt.Errorf("read seal: %w", err)
	}
	return seal, nil
}

func readSeal(name, id string) (*Seal, error) {
	data, err := readSmall(name, maxSeal)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s Seal
	switch {
	case json.Unmarshal(data, &s) != nil:
		return nil, damaged{"seal cannot be read"}
	case s.Version != sealVersion:
		return nil, damaged{fmt.Sprintf("seal has version %d", s.Version)}
	case s.ID != id:
		return nil, damaged{"seal is of another entry"}
	}
	for _, p := range s.Parts {
		if p.Name != nameManifest && !validPart(p.Name) {
			return nil, damaged{"seal names what cannot be a part"}
		}
	}
	return &s, nil
}

// Verify reads every part of a sealed entry and compares it with the seal.
func (e *Entry) Verify() error {
	seal, err := e.Sealed()
	if err != nil {
		return err
	}
	if seal == nil {
		return errors.New("verify entry: it is not sealed")
	}
	for _, want := range seal.Parts {
		got, err := hashPart(e.path(want.Name), want.Name)
		if err != nil {
			return fmt.Errorf("verify entry: %w", err)
		}
		if got != want {
			return fmt.Errorf("verify entry: %s is not what was sealed", want.Name)
		}
	}
	return nil
}

// Manifest reads the manifest of a sealed entry.
func (e *Entry) Manifest() (Manifest, error) {
	data, err := readSmall(e.path(nameManifest), maxManifest)
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	if m.Version > ManifestVersion {
		return Manifest{}, fmt.Errorf("read manifest: version %d is unknown", m.Version)
	}
	return m, nil
}
