package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// keychain holds the controller's keys. Every recording has an identity of its own, to which its parts are encrypted; that
// identity, encrypted to the controller's recipients, is stored beside them. Who destroys it has destroyed the recording.
type keychain struct {
	recipients []age.Recipient
	identities []age.Identity // none on a node that may write only
}

// newKeychain reads the keys in age's own form, one a line. With several identities the older ones still open what was
// encrypted to them.
func newKeychain(recipient, identity string) (keychain, error) {
	var k keychain
	var err error
	if k.recipients, err = age.ParseRecipients(strings.NewReader(recipient)); err != nil {
		return keychain{}, fmt.Errorf("read recipient: %w", err)
	}
	if strings.TrimSpace(identity) == "" {
		return k, nil
	}
	if k.identities, err = age.ParseIdentities(strings.NewReader(identity)); err != nil {
		return keychain{}, errors.New("read identity: it is no age identity") // err may quote the secret
	}
	return k, nil
}

// try finds out whether what is encrypted to the recipients can be read here, where it should be: a key that does not fit
// would be noticed when the first recording is asked for.
func (k keychain) try() error {
	if len(k.identities) == 0 {
		return nil
	}
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, k.recipients...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("try keys: %w", err)
	}
	if _, err := age.Decrypt(&wrapped, k.identities...); err != nil {
		return errors.New("identity does not belong to the recipient: nobody could read here what is stored")
	}
	return nil
}

// GenerateIdentity makes an identity for a controller, and the recipient that belongs to it, in age's form.
func GenerateIdentity() (identity, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make identity: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// maxWrapped bounds the plain form of a recording's identity, in bytes; an X25519 one has 74.
const maxWrapped = 4 << 10

// unwrap reads a recording's identity from what key.age holds.
func (k keychain) unwrap(wrapped io.Reader) (age.Identity, error) {
	plain, err := age.Decrypt(wrapped, k.identities...)
	if err != nil {
		return nil, fmt.Errorf("decrypt key: %w", err)
	}
	secret, err := io.ReadAll(io.LimitReader(plain, maxWrapped))
	if err != nil {
		return nil, fmt.Errorf("decrypt key: %w", err)
	}
	id, err := age.ParseX25519Identity(string(secret))
	if err != nil {
		return nil, errors.New("decrypt key: it holds no identity") // err may quote the secret
	}
	return id, nil
}
