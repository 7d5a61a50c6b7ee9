package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
)

// foldAll folds events into a new catalog and dumps it. An event without a sequence gets the next.
func foldAll(t *testing.T, events ...ledger.Event) string {
	t.Helper()
	ctx := context.Background()
	cat, err := catalog.Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	for i, ev := range events {
		err := cat.Update(ctx, uint64(i+1), func(tx *catalog.Tx) error {
			if err := apply(tx, ev); !errors.Is(err, errUnknown) && !errors.Is(err, errUnreadable) {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatalf("fold %s: %v", ev.Type, err)
		}
	}
	// The position differs where the number of events does.
	if err := cat.Update(ctx, 1000, func(*catalog.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := cat.Dump(ctx, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func event(t testing.TB, typ, id string, data any) ledger.Event {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Event{Type: typ, ID: id, At: callsBegan, Actor: "agent-7", Node: "rec1", Data: raw}
}

func storedEvent(t testing.TB, id string) ledger.Event {
	return event(t, eventStored, id, recordingStored{
		Kind: "call", StartedAt: callsBegan, EndedAt: callsBegan.Add(time.Minute), DurationMS: 60_000, Channels: 2, Node: "rec1",
		Purposes: []string{"training"}, Class: ClassNormal, Expires: callsBegan.Add(year), CallerHash: "abc",
		Parts: []storedPart{{Name: "key", Key: "k", Version: "v1"}, {Name: "audio.wav", Key: "a", Version: "v1", Size: 44, StoredSize: 260}},
	})
}

// TestFoldTwice appends each event a second time, as a retry after a lost acknowledgement does. A play is one that was
// heard each time, so it counts.
func TestFoldTwice(t *testing.T) {
	id, token := call(0).ID, call(1).ID
	events := []ledger.Event{
		storedEvent(t, id),
		event(t, eventLinked, id, recordingLinked{"T-1", "header"}),
		event(t, eventLinked, id, recordingLinked{"T-2", "header"}),
		event(t, eventUnlinked, id, recordingUnlinked{"T-2"}),
		event(t, eventPlayed, id, recordingPlayed{Part: "audio.wav"}),
		event(t, eventToken, token, tokenCreated{Name: "desk", Role: "agent", Hash: "1234"}),
		event(t, eventRevoked, token, nil),
	}
	want := foldAll(t, events...)
	for i, ev := range events {
		if ev.Type == eventPlayed {
			continue
		}
		twice := append(append(events[:i+1:i+1], ev), events[i+1:]...)
		if got := foldAll(t, twice...); got != want {
			t.Errorf("%s twice:\n%s\nwant:\n%s", ev.Type, got, want)
		}
	}
	for _, ev := range []ledger.Event{events[0], events[5]} { // long after
		if got := foldAll(t, append(events[:len(events):len(events)], ev)...); got != want {
			t.Errorf("%s at the end again:\n%s\nwant:\n%s", ev.Type, got, want)
		}
	}
}

// TestFoldOtherVersions repeats a recording as a store without conditional puts may have it: the first one counts.
func TestFoldOtherVersions(t *testing.T) {
	first := storedEvent(t, call(0).ID)
	again := first
	again.Data = bytes.ReplaceAll(first.Data, []byte(`"v1"`), []byte(`"v2"`))
	if got, want := foldAll(t, first, again), foldAll(t, first); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestFoldStrangeEvents folds what another version, or another program, may have appended.
func TestFoldStrangeEvents(t *testing.T) {
	id := call(0).ID
	first := storedEvent(t, id)
	strange := []ledger.Event{first, {}, event(t, "hold.placed", id, nil), event(t, "recording.sung", id, 7)}
	for _, typ := range []string{eventStored, eventLinked, eventUnlinked, eventToken} {
		strange = append(strange, event(t, typ, call(2).ID, "no object"))
	}
	if got, want := foldAll(t, strange...), foldAll(t, first); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, typ := range []string{eventLinked, eventUnlinked, eventPlayed, eventRevoked} { // of what nobody knows
		foldAll(t, event(t, typ, fmt.Sprint(typ), recordingLinked{Ticket: "T-1"}))
	}
}

// FuzzFold folds any data of any event. It either changes the catalog or is unreadable; it never stops the fold.
func FuzzFold(f *testing.F) {
	types := []string{eventStored, eventLinked, eventUnlinked, eventPlayed, eventToken, eventRevoked, "other.event"}
	for i := range types {
		f.Add(uint8(i), "id", []byte(`{"ticket":"T-1","parts":[{"name":"key"}],"started_at":"2026-05-17T09:30:00Z"}`))
	}
	f.Add(uint8(0), "", []byte(`{"started_at":"0000-01-01T00:00:00Z","duration_ms":-1,"purposes":["\ud800"]}`))
	cat, err := catalog.Open(filepath.Join(f.TempDir(), "catalog.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { cat.Close() })
	seq := uint64(0)
	f.Fuzz(func(t *testing.T, typ uint8, id string, data []byte) {
		seq++
		err := cat.Update(context.Background(), seq, func(tx *catalog.Tx) error {
			err := apply(tx, ledger.Event{Type: types[int(typ)%len(types)], ID: id, At: callsBegan, Data: data})
			if errors.Is(err, errUnknown) || errors.Is(err, errUnreadable) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Errorf("the fold stops: %v", err)
		}
	})
}
