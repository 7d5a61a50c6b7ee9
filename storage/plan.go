package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"linewarden/storage/spool"
)

const (
	planVersion = 1
	uploadDir   = "upload" // in the entry's folder
	planName    = "plan.json"
)

// Names of parts that the archive itself looks at.
const (
	partKey      = "key"
	partManifest = "manifest.json"
)

// errCorrupt says that the bytes in the spool are not the ones that were written. Trying again cannot mend that.
var errCorrupt = errors.New("entry is corrupt")

// plan says, to the byte, what will be in the vault and in the ledger about one entry. It lies beside the encrypted files:
//
//	<entry>/upload/<part>.age
//	<entry>/upload/plan.json    its presence says that the files are whole and will not change again
//
// Encryption draws random keys, so without a plan a retry would send other bytes under the same key.
type plan struct {
	Version int                 `json:"version"`
	ID      string              `json:"id"`
	MadeAt  time.Time           `json:"made_at"`
	Tags    map[string]string   `json:"tags"`
	Stored  recordingStored     `json:"stored"`            // its parts in the order they are put: the key first, the manifest last
	Tickets []spool.FoundTicket `json:"tickets,omitempty"` // well formed ones that signalling named

	loaded bool // from disk: some of it may be in the vault
}

// file is where the encrypted form of a part lies.
func planFile(e *spool.Entry, part string) string {
	return filepath.Join(e.Dir(), uploadDir, part+".age")
}

// loadPlan reads the plan of an entry; there is none before makePlan has come to its end once.
func loadPlan(e *spool.Entry) (*plan, error) {
	data, err := os.ReadFile(filepath.Join(e.Dir(), uploadDir, planName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p, err := parsePlan(data, e.ID())
	if err != nil {
		return nil, fmt.Errorf("read plan: %w: %w", errCorrupt, err)
	}
	p.loaded = true
	return p, nil
}

// parsePlan reads the plan of the entry with this id.
func parsePlan(data []byte, id string) (*plan, error) {
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	return &p, p.validate(id)
}

// validate says whether a plan is one for the entry.
func (p *plan) validate(id string) error {
	if p.Version != planVersion {
		return fmt.Errorf("version %d is unknown", p.Version)
	}
	if p.ID != id || len(p.Stored.Parts) == 0 {
		return errors.New("it is of another entry")
	}
	for _, part := range p.Stored.Parts {
		if filepath.Base(part.Name) != part.Name {
			return errors.New("it names what cannot be a part")
		}
		if key, err := objectKey(id, part.Name); err != nil || string(key) != part.Key {
			return errors.New("it names a key that is not the part's")
		}
	}
	return nil
}

// makePlan encrypts the parts of a sealed entry, each of which must be what was sealed, and fixes what will be sent.
func (a *Archive) makePlan(ctx context.Context, e *spool.Entry, seal *spool.Seal) (*plan, error) {
	dir := filepath.Join(e.Dir(), uploadDir)
	if err := os.RemoveAll(dir); err != nil { // of an attempt that a crash ended: it was never sent
		return nil, fmt.Errorf("clear upload: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make upload: %w", err)
	}
	parts, err := a.encryptParts(ctx, e, seal)
	if err != nil {
		return nil, err
	}
	m, err := e.Manifest() // which is now known to be what was sealed
	if err != nil {
		return nil, err
	}
	p := a.describe(e.ID(), m)
	p.Stored.Parts = parts
	if err := a.crash("encrypted"); err != nil {
		return nil, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	if err := errors.Join(syncDir(dir), syncDir(e.Dir())); err != nil {
		return nil, fmt.Errorf("sync upload: %w", err)
	}
	// COMMIT: a crash before the rename inside starts over with another identity, and nothing was sent; after it every
	// attempt sends these keys and these bytes.
	if err := replaceFile(filepath.Join(dir, planName), data); err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	return p, a.crash("planned")
}

// encryptParts encrypts every part to an identity made for this recording, which nothing but the key part holds.
func (a *Archive) encryptParts(ctx context.Context, e *spool.Entry, seal *spool.Seal) ([]storedPart, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make identity: %w", err)
	}
	key, err := a.encryptKey(ctx, filepath.Join(e.Dir(), uploadDir), e.ID(), identity)
	if err != nil {
		return nil, err
	}
	parts := []storedPart{key}
	for _, sealed := range manifestLast(seal.Parts) {
		part, err := encryptPart(ctx, e, sealed, identity.Recipient())
		if err != nil {
			return nil, fmt.Errorf("encrypt %s: %w", sealed.Name, err)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// manifestLast orders parts as they are put. A manifest in the vault says that all it names is there.
func manifestLast(parts []spool.Part) []spool.Part {
	var first, last []spool.Part
	for _, p := range parts {
		if p.Name == partManifest {
			last = append(last, p)
		} else {
			first = append(first, p)
		}
	}
	return append(first, last...)
}

func encryptPart(ctx context.Context, e *spool.Entry, sealed spool.Part, to age.Recipient) (storedPart, error) {
	if sealed.Name == partKey {
		return storedPart{}, fmt.Errorf("%w: a part has the key's name", errCorrupt)
	}
	key, err := objectKey(e.ID(), sealed.Name)
	if err != nil {
		return storedPart{}, err
	}
	f, err := os.Open(filepath.Join(e.Dir(), sealed.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return storedPart{}, fmt.Errorf("%w: the part is gone", errCorrupt)
	}
	if err != nil {
		return storedPart{}, err
	}
	defer f.Close()
	plain, cipher, err := encryptFile(ctx, planFile(e, sealed.Name), f, to)
	if err != nil {
		return storedPart{}, err
	}
	if plain.size != sealed.Size || plain.hex() != sealed.SHA256 {
		return storedPart{}, fmt.Errorf("%w: the part is not what was sealed", errCorrupt)
	}
	return storedPart{
		Name: sealed.Name, Key: string(key), Size: plain.size, SHA256: plain.hex(),
		StoredSize: cipher.size, StoredSHA256: cipher.hex(),
	}, nil
}

// describe says what there is to say about a recording without its parts.
func (a *Archive) describe(id string, m spool.Manifest) *plan {
	started := m.StartedAt
	if started.IsZero() { // a date must not come out centuries early
		started, _ = idTime(id)
	}
	r := retentionOf(a.c.Purposes, m.Purposes, started)
	p := &plan{
		Version: planVersion, ID: id, MadeAt: a.now().UTC(),
		Tags: tagsOf(m.Controller, m.Residency, m.Purposes, r),
		Stored: recordingStored{
			Kind: m.Kind, StartedAt: started.UTC(), EndedAt: m.EndedAt.UTC(), DurationMS: m.DurationMS,
			Channels: m.Audio.Channels, Interrupted: m.Interrupted, Node: m.Node, Software: a.c.Software,
			Trunk: m.Trunk, Direction: m.Direction, Route: m.Route, Controller: m.Controller, Residency: m.Residency,
			Purposes: m.Purposes, Class: r.Class, Expires: r.Expires.UTC(), Minimum: r.Minimum.UTC(), Compliance: r.Compliance,
			CallerHash: pseudonym(a.c.PseudonymKey, m.Caller.Number),
			CalleeHash: pseudonym(a.c.PseudonymKey, m.Callee.Number),
		},
	}
	for _, t := range m.Tickets {
		if !ValidTicket(t.ID) {
			a.log.Warn("signalling named what cannot be a ticket; it is in the manifest only", "rec", id, "source", t.Source)
			continue
		}
		p.Tickets = append(p.Tickets, t)
	}
	return p
}
