package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode"

	"filippo.io/age"

	"linewarden/storage/catalog"
	"linewarden/storage/vault"
)

// maxReason in bytes of each text that a play brings into the ledger.
const maxReason = 256

// Play asks for a part of a recording. What it says goes into the ledger, which is for ever and for auditors: a reason is
// a short text or a code, and names no person.
type Play struct {
	Actor     string // account id
	Recording string
	Part      string // "" is audio.wav
	Reason    string
	Ticket    string // that the actor works on
	Range     string // that was asked for, as HTTP has it
}

const partAudio = "audio.wav"

var (
	// ErrNoIdentity says that this node may store recordings and not read them.
	ErrNoIdentity = errors.New("this node has no identity to read recordings with")
	// ErrBadPlay says that what a play brings is nothing to write into a ledger.
	ErrBadPlay = errors.New("reason, ticket and range must be short plain texts")
)

// Audio is a part of a recording in plain. It decrypts what is read, where it is read, and authenticates it first: bytes
// that were tampered with are an error. It is for one goroutine, and ends with the context of the play.
type Audio struct {
	Size    int64     // in bytes
	SHA256  string    // of the whole part, hex
	ModTime time.Time // when the call ended; the part has not changed since

	plain *io.SectionReader
	src   *ranged
}

func (a *Audio) Read(p []byte) (int, error)                   { return a.plain.Read(p) }
func (a *Audio) Seek(offset int64, whence int) (int64, error) { return a.plain.Seek(offset, whence) }

// Close ends the request to the vault.
func (a *Audio) Close() error { return a.src.Close() }

// Play opens a part of a recording for its actor.
func (a *Archive) Play(ctx context.Context, p Play) (*Audio, error) {
	if p.Part == "" {
		p.Part = partAudio
	}
	if !plainText(p.Reason) || !plainText(p.Range) || p.Ticket != "" && !ValidTicket(p.Ticket) {
		return nil, ErrBadPlay
	}
	rec, err := a.Recording(ctx, p.Recording)
	if err != nil {
		return nil, err
	}
	audio, err := a.open(ctx, rec, p.Part)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", p.Part, err)
	}
	// COMMIT: a crash before the append has handed out nothing; after it the ledger may know of a play that was not heard,
	// never the other way round.
	if _, err := a.append(ctx, eventPlayed, rec.ID, p.Actor, recordingPlayed{p.Part, p.Reason, p.Ticket, p.Range}); err != nil {
		audio.Close()
		return nil, err
	}
	return audio, nil
}

func plainText(s string) bool {
	return len(s) <= maxReason && !slices.ContainsFunc([]rune(s), unicode.IsControl)
}

// open finds the key of a recording and begins to decrypt a part.
func (a *Archive) open(ctx context.Context, rec catalog.Recording, name string) (*Audio, error) {
	part, ok := partOf(rec, name)
	if !ok || name == partKey {
		return nil, ErrNotFound
	}
	identity, err := a.identityOf(ctx, rec)
	if err != nil {
		return nil, err
	}
	src := &ranged{size: part.StoredSize, open: func(offset int64) (io.ReadCloser, error) {
		return a.bucket.Open(ctx, vault.Key(part.Key), part.Version, offset)
	}}
	plain, size, err := age.DecryptReaderAt(src, part.StoredSize, identity)
	if err == nil && size != part.Size {
		err = errors.New("it has another size than it was stored with")
	}
	if err != nil {
		src.Close()
		return nil, err
	}
	return &Audio{
		Size: size, SHA256: part.SHA256, ModTime: rec.EndedAt,
		plain: io.NewSectionReader(plain, 0, size), src: src,
	}, nil
}

// identityOf reads the identity that a recording's parts are encrypted to.
func (a *Archive) identityOf(ctx context.Context, rec catalog.Recording) (age.Identity, error) {
	if len(a.keys.identities) == 0 {
		return nil, ErrNoIdentity
	}
	part, ok := partOf(rec, partKey)
	if !ok {
		return nil, errors.New("recording has no key")
	}
	r, err := a.bucket.Open(ctx, vault.Key(part.Key), part.Version, 0)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	defer r.Close()
	return a.keys.unwrap(io.LimitReader(r, maxWrapped))
}

func partOf(rec catalog.Recording, name string) (catalog.Part, bool) {
	i := slices.IndexFunc(rec.Parts, func(p catalog.Part) bool { return p.Name == name })
	if i < 0 {
		return catalog.Part{}, false
	}
	return rec.Parts[i], true
}
