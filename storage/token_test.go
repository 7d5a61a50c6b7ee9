package storage

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"linewarden/storage/vault/vaulttest"
)

func TestToken(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	ctx := context.Background()
	secret, made, err := r.archive.CreateToken(ctx, "admin", "help desk", "agent", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, "lw_") || len(secret) != 46 {
		t.Errorf("got a secret of %d characters", len(secret))
	}
	got, err := r.archive.CheckToken(ctx, secret)
	if err != nil || got != made || got.Role != "agent" || got.Name != "help desk" || got.CreatedBy != "admin" {
		t.Errorf("got %+v, %v, want %+v", got, err, made)
	}
	for _, ev := range r.events() {
		if strings.Contains(string(ev.Data), secret) {
			t.Error("the ledger has the secret")
		}
	}
	for _, bad := range []string{"", "lw_", secret + "x", strings.TrimPrefix(secret, "lw_"), made.Hash, made.ID} {
		if _, err := r.archive.CheckToken(ctx, bad); !errors.Is(err, ErrNoToken) {
			t.Errorf("%q: got %v, want %v", bad, err, ErrNoToken)
		}
	}

	r.skew.Store(int64(time.Hour))
	if _, err := r.archive.CheckToken(ctx, secret); !errors.Is(err, ErrNoToken) {
		t.Errorf("an hour later: got %v, want %v", err, ErrNoToken)
	}
}

func TestRevokeToken(t *testing.T) {
	dir, b := t.TempDir(), vaulttest.New(t)
	r := newRig(t, dir, b).start()
	ctx := context.Background()
	secret, made, err := r.archive.CreateToken(ctx, "admin", "", "agent", 0)
	if err != nil || !made.ExpiresAt.IsZero() {
		t.Fatalf("got %+v, %v", made, err)
	}
	for range 2 {
		if err := r.archive.RevokeToken(ctx, "admin", made.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.count(eventRevoked, made.ID); n != 1 {
		t.Errorf("%d revocations in the ledger, want 1", n)
	}
	if err := r.archive.RevokeToken(ctx, "admin", call(0).ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown token: got %v, want %v", err, ErrNotFound)
	}
	r.stop()
	r.start()
	if _, err := r.archive.CheckToken(ctx, secret); !errors.Is(err, ErrNoToken) {
		t.Errorf("after a restart: got %v, want %v", err, ErrNoToken)
	}
	list, err := r.archive.Tokens(ctx)
	if err != nil || len(list) != 1 || list[0].RevokedAt.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestCreateTokenRefused(t *testing.T) {
	r := newRig(t, t.TempDir(), vaulttest.New(t)).start()
	for _, tt := range []struct {
		name, role string
		ttl        time.Duration
	}{{"x", "", 0}, {"x\n", "agent", 0}, {strings.Repeat("x", maxTokenName+1), "agent", 0}, {"x", "agent", -1}} {
		if _, _, err := r.archive.CreateToken(context.Background(), "admin", tt.name, tt.role, tt.ttl); !errors.Is(err, ErrBadToken) {
			t.Errorf("%+v: got %v, want %v", tt, err, ErrBadToken)
		}
	}
}
