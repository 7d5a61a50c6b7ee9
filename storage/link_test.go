package storage

import (
	"context"
	"errors"
	"testing"
)

func TestLink(t *testing.T) {
	r, _, id := storedCall(t)
	ctx := context.Background()
	tickets := func(ticket string) int {
		t.Helper()
		found, err := r.archive.FindByTicket(ctx, ticket)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	for range 2 {
		if err := r.archive.Link(ctx, "agent-7", id, "T-99", "api"); err != nil {
			t.Fatal(err)
		}
		if n := tickets("T-99"); n != 1 {
			t.Errorf("after linking: got %d recordings, want 1", n)
		}
	}
	if n := r.count(eventLinked, id); n != 3 {
		t.Errorf("%d links in the ledger, want 3: two from signalling and one by hand", n)
	}
	for range 2 {
		if err := r.archive.Unlink(ctx, "agent-7", id, "T-99"); err != nil {
			t.Fatal(err)
		}
		if n := tickets("T-99"); n != 0 {
			t.Errorf("after unlinking: got %d recordings, want none", n)
		}
	}
	if n := r.count(eventUnlinked, id); n != 1 {
		t.Errorf("%d unlinks in the ledger, want 1", n)
	}
	if err := r.archive.Link(ctx, "agent-7", id, "no ticket", "api"); !errors.Is(err, ErrBadTicket) {
		t.Errorf("got %v, want %v", err, ErrBadTicket)
	}
	if err := r.archive.Unlink(ctx, "agent-7", id, ""); !errors.Is(err, ErrBadTicket) {
		t.Errorf("got %v, want %v", err, ErrBadTicket)
	}
	for _, f := range []func() error{
		func() error { return r.archive.Link(ctx, "agent-7", call(9).ID, "T-1", "api") },
		func() error { return r.archive.Unlink(ctx, "agent-7", call(9).ID, "T-1") },
	} {
		if err := f(); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown recording: got %v, want %v", err, ErrNotFound)
		}
	}
}
