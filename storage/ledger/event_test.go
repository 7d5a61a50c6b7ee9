package ledger

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestShardsNeverMove(t *testing.T) {
	for id, want := range map[string]int{
		"a": 44, "R1": 204, "01M847PBWBY0V6ZWXJJ2GC6QQV": 153, "01ARZ3NDEKTSV4RRFFQ69G5FAV": 128,
	} {
		if got := shardOf(id); got != want {
			t.Errorf("shard of %s is %d, want %d", id, got, want)
		}
	}
	e := Event{Type: "token.created", ID: "a"}
	if got, want := e.Subject(), "lw.ledger.token.44"; got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
}

// TestForm pins the bytes that are in ledgers.
func TestForm(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 9, 30, 0, 120_000_000, time.FixedZone("", 3600))
	e := Event{
		Type: "recording.linked", ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", At: at, Actor: "agent-7", Node: "rec1", Config: "5e1f",
		Data: json.RawMessage("{ \"ticket\": \"T<1>\" }\n"), Seq: 9, Key: "k",
	}
	got, err := e.encode()
	if err != nil || string(got) != strings.TrimSuffix(string(want), "\n") {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	back, err := decode(got)
	e.At, e.Data, e.Seq, e.Key = at.UTC(), json.RawMessage(`{"ticket":"T<1>"}`), 0, ""
	if err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%+v, %v\nwant %+v", back, err, e)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Event){
		"type":      func(e *Event) { e.Type = "recording" },
		"wildcard":  func(e *Event) { e.Type = "*.>" },
		"id":        func(e *Event) { e.ID = "a b" },
		"no id":     func(e *Event) { e.ID = "" },
		"time":      func(e *Event) { e.At = time.Time{} },
		"far time":  func(e *Event) { e.At = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"actor":     func(e *Event) { e.Actor = "" },
		"two lines": func(e *Event) { e.Actor = "a\nb" },
		"long node": func(e *Event) { e.Node = strings.Repeat("x", maxWord+1) },
		"key":       func(e *Event) { e.Key = "a\r\nNats-Rollup: all" },
		"size":      func(e *Event) { e.Data = json.RawMessage(`"` + strings.Repeat("x", maxData) + `"`) },
		"no JSON":   func(e *Event) { e.Data = json.RawMessage("{") },
	} {
		e := event(1)
		change(&e)
		if _, err := e.encode(); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %v, want ErrEvent", name, err)
		}
	}
}

func TestLargestEventFits(t *testing.T) {
	e := event(1)
	word := strings.Repeat(`"`, maxWord) // twice as long in JSON
	e.Type = strings.Repeat("x", 32) + "." + strings.Repeat("x", 32)
	e.ID, e.Actor, e.Node, e.Config, e.Key = strings.Repeat("x", 64), word, word, word, word
	e.Data = json.RawMessage(`"` + strings.Repeat("<", maxData-2) + `"`)
	if b, err := e.encode(); err != nil || len(b) > maxEvent {
		t.Fatalf("encoded to %d bytes, %v; want at most %d", len(b), err, maxEvent)
	}
	_, l := start(t, t.TempDir())
	if _, err := l.AppendAfter(t.Context(), e, 0); err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, 0, 1)[0]; !reflect.DeepEqual(got.Data, e.Data) {
		t.Error("data came back otherwise")
	}
}

func TestErrorsNameNoValue(t *testing.T) {
	const secret = "+15550100"
	for _, b := range []string{
		secret, `{"type":"` + secret + `"}`, `{"` + secret + `":1}`, `{"at":"` + secret + `"}`, `{"actor":` + secret + `}`,
		`{"type":"a.b","id":"` + secret + `","at":"2026-01-01T00:00:00Z","actor":"a"}`,
		`{"type":"a.b","id":"1","at":"2026-01-01T00:00:00Z","actor":"a"} ` + secret,
	} {
		if _, err := decode([]byte(b)); !errors.Is(err, ErrEvent) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", b, err)
		}
	}
}

// FuzzDecode: what decodes encodes, within the limit, to bytes that decode to the same and encode to the same.
func FuzzDecode(f *testing.F) {
	b, err := event(1).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"type":"token.created","id":"x","at":"2026-01-01T00:00:00Z","actor":"a"}`))
	f.Add([]byte(`{"data": [1, "\u2028<\/", 1e400], "type":"a.b","id":"x","at":"0000-01-01T00:00:00.5+23:59","actor":"\u00e4"}`))
	f.Add([]byte(`{"type":"a.b","id":"x","at":"9999-12-31T23:59:59-01:00","actor":"a","data":null}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrEvent) {
				t.Fatal(err)
			}
			return
		}
		again, err := e.encode()
		if err != nil || len(again) > maxEvent {
			t.Fatalf("%q decodes and does not encode: %d bytes, %v", b, len(again), err)
		}
		second, err := decode(again)
		if err != nil || !reflect.DeepEqual(second, e) {
			t.Fatalf("%+v became %+v, %v", e, second, err)
		}
		if third, err := second.encode(); err != nil || string(again) != string(third) {
			t.Fatalf("%s became %s, %v", again, third, err)
		}
	})
}
