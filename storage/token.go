package storage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"linewarden/storage/catalog"
)

const (
	// tokenPrefix lets people, and scanners of source code, see what a leaked secret is.
	tokenPrefix = "lw_"
	tokenSecret = 32 // bytes, drawn at random: too many to guess, so that a plain hash of them keeps them
	// maxTokenName in bytes, and of a role.
	maxTokenName = 64
)

var (
	// ErrNoToken says that a secret opens nothing: it is unknown, expired or revoked.
	ErrNoToken = errors.New("token is not valid")
	// ErrBadToken says that a token cannot be made as asked.
	ErrBadToken = errors.New("name and role of a token must be short plain texts, and its life not negative")
)

// CreateToken makes a token and returns the secret, which is kept nowhere. A ttl of 0 is a token that does not expire. The
// name says what the token is for; it goes into the ledger and should name no person.
func (a *Archive) CreateToken(ctx context.Context, actor, name, role string, ttl time.Duration) (string, catalog.Token, error) {
	if role == "" || len(role) > maxTokenName || len(name) > maxTokenName || !plainText(name) || !plainText(role) || ttl < 0 {
		return "", catalog.Token{}, ErrBadToken
	}
	random := make([]byte, tokenSecret)
	rand.Read(random) // never fails: crypto/rand ends the program first
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	id, data := ulid.Make().String(), tokenCreated{Name: name, Role: role, Hash: hashToken(secret)}
	if ttl > 0 {
		data.ExpiresAt = a.now().Add(ttl).UTC().Truncate(time.Millisecond) // as the catalog keeps it
	}
	seq, err := a.append(ctx, eventToken, id, actor, data)
	if err != nil {
		return "", catalog.Token{}, err
	}
	if err := a.catalog.Wait(ctx, seq); err != nil {
		return "", catalog.Token{}, err
	}
	t, err := a.catalog.TokenByHash(ctx, data.Hash)
	if err != nil {
		return "", catalog.Token{}, fmt.Errorf("read token: %w", err)
	}
	return secret, t, nil
}

// Tokens lists all tokens, also those that open nothing any more.
func (a *Archive) Tokens(ctx context.Context) ([]catalog.Token, error) {
	return a.catalog.Tokens(ctx)
}

// RevokeToken ends a token. Ending it again changes nothing.
func (a *Archive) RevokeToken(ctx context.Context, actor, id string) error {
	tokens, err := a.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID != id {
			continue
		}
		if !t.RevokedAt.IsZero() {
			return nil
		}
		return a.change(ctx, eventRevoked, id, actor, nil)
	}
	return ErrNotFound
}

// CheckToken is the token that a secret belongs to, if it is one that is valid now.
func (a *Archive) CheckToken(ctx context.Context, secret string) (catalog.Token, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return catalog.Token{}, ErrNoToken
	}
	// The look-up is by hash, so how long it takes tells nothing about the secret.
	t, err := a.catalog.TokenByHash(ctx, hashToken(secret))
	if errors.Is(err, ErrNotFound) {
		return catalog.Token{}, ErrNoToken
	}
	if err != nil {
		return catalog.Token{}, err
	}
	if !t.RevokedAt.IsZero() || !t.ExpiresAt.IsZero() && !a.now().Before(t.ExpiresAt) {
		return catalog.Token{}, ErrNoToken
	}
	return t, nil
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
