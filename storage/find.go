package storage

import (
	"context"
	"strings"

	"linewarden/storage/catalog"
)

// FindByTicket lists the recordings that a ticket is on.
func (a *Archive) FindByTicket(ctx context.Context, ticket string) ([]catalog.Recording, error) {
	if !ValidTicket(ticket) {
		return nil, ErrBadTicket
	}
	return a.catalog.ByTicket(ctx, ticket)
}

// Recording is one recording, or ErrNotFound.
func (a *Archive) Recording(ctx context.Context, id string) (catalog.Recording, error) {
	return a.catalog.Recording(ctx, id)
}

// Search lists the recordings that a query asks for. Numbers may be written as people write them.
func (a *Archive) Search(ctx context.Context, q catalog.Query) ([]catalog.Recording, error) {
	q.Caller, q.Callee = partyForm(q.Caller), partyForm(q.Callee)
	return a.catalog.Search(ctx, q)
}

// partyForm is how the catalog has a party: by its number in normal form, or by its address where it has none.
func partyForm(s string) string {
	if n := normalNumber(s); n != "" && !strings.Contains(s, "@") {
		return n
	}
	return s
}
