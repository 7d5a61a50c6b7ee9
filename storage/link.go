package storage

import (
	"context"
	"errors"
)

// ErrBadTicket says that a ticket's number is not well formed.
var ErrBadTicket = errors.New("ticket is not well formed")

// Link puts a ticket on a recording; source says how it became known. A link that is there already stays as it is. When
// Link returns, FindByTicket finds the recording. A recording that the catalog does not know is ErrNotFound.
func (a *Archive) Link(ctx context.Context, actor, id, ticket, source string) error {
	if !ValidTicket(ticket) {
		return ErrBadTicket
	}
	rec, err := a.Recording(ctx, id)
	if err != nil || hasTicket(rec, ticket) {
		return err
	}
	return a.change(ctx, eventLinked, id, actor, recordingLinked{ticket, source})
}

// Unlink takes a ticket off a recording. It does nothing when the recording does not have it.
func (a *Archive) Unlink(ctx context.Context, actor, id, ticket string) error {
	if !ValidTicket(ticket) {
		return ErrBadTicket
	}
	rec, err := a.Recording(ctx, id)
	if err != nil || !hasTicket(rec, ticket) {
		return err
	}
	return a.change(ctx, eventUnlinked, id, actor, recordingUnlinked{ticket})
}

// change appends an event and waits until the catalog shows it.
func (a *Archive) change(ctx context.Context, typ, id, actor string, data any) error {
	seq, err := a.append(ctx, typ, id, actor, data)
	if err != nil {
		return err
	}
	return a.catalog.Wait(ctx, seq)
}
