package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// encryptFile writes what src holds, encrypted, into a new file, and makes its bytes durable; the name is for the caller
// to sync.
func encryptFile(ctx context.Context, name string, src io.Reader, to ...age.Recipient) (plain, cipher *digest, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	plain, cipher = newDigest(), newDigest()
	w, err := age.Encrypt(io.MultiWriter(f, cipher), to...)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt: %w", err)
	}
	if _, err := io.Copy(io.MultiWriter(w, plain), contextReader{ctx, src}); err != nil {
		return nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, fmt.Errorf("encrypt: %w", err)
	}
	return plain, cipher, f.Sync()
}

// encryptKey writes a recording's identity, encrypted to the controller, as the first object of its plan.
func (a *Archive) encryptKey(ctx context.Context, dir, id string, identity *age.X25519Identity) (storedPart, error) {
	key, err := objectKey(id, partKey)
	if err != nil {
		return storedPart{}, err
	}
	_, cipher, err := encryptFile(ctx, filepath.Join(dir, partKey+".age"), strings.NewReader(identity.String()), a.keys.recipients...)
	if err != nil {
		return storedPart{}, fmt.Errorf("encrypt key: %w", err)
	}
	// The plain size and hash stay out: nothing about a secret is written down.
	return storedPart{Name: partKey, Key: string(key), StoredSize: cipher.size, StoredSHA256: cipher.hex()}, nil
}
