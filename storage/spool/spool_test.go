package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	idOne = "01JQ3KZ5A0RJ2M4N6P8Q0S2T4V"
	idTwo = "01JQ3KZ5A1RJ2M4N6P8Q0S2T4V"
)

var opened = time.Date(2026, 3, 14, 9, 26, 53, 589793238, time.UTC)

// openSpool opens a spool that the test closes.
func openSpool(t testing.TB, dir string) *Spool {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func create(t testing.TB, s *Spool, id string) *Entry {
	t.Helper()
	e, err := s.Create(id, opened, map[string]string{"trunk": "main"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// only is the one entry of a spool.
func only(t testing.TB, s *Spool) *Entry {
	t.Helper()
	all, err := s.Entries()
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d entries, %v", len(all), err)
	}
	return all[0]
}

func writePart(t testing.TB, e *Entry, name, text string) {
	t.Helper()
	f, err := e.CreatePart(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEntry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "spool") // neither is there
	s := openSpool(t, dir)
	e := create(t, s, idOne)
	if e.ID() != idOne || e.Dir() != filepath.Join(dir, idOne) {
		t.Errorf("got %s in %s", e.ID(), e.Dir())
	}
	ended := opened.Add(time.Minute)
	if err := e.Note("ended", ended, struct {
		Reason string `json:"reason"`
	}{"bye\n"}); err != nil {
		t.Fatal(err)
	}
	e.Log().Append(1, KindRTP, opened, []byte("packet"))
	if err := e.Log().Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again := only(t, openSpool(t, dir))
	notes, err := again.Notes()
	if err != nil || len(notes) != 2 {
		t.Fatalf("got %d notes, %v", len(notes), err)
	}
	for i, want := range []Note{{"opening", opened, []byte(`{"trunk":"main"}`)}, {"ended", ended, []byte(`{"reason":"bye\n"}`)}} {
		if got := notes[i]; got.Type != want.Type || !got.At.Equal(want.At) || string(got.Data) != string(want.Data) {
			t.Errorf("note %d: got %+v, want %+v", i, got, want)
		}
	}
	if got := readPackets(t, again); len(got) != 1 || got[0] != "packet" {
		t.Errorf("got packets %q", got)
	}
}

func TestSeal(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	e := create(t, s, idOne)
	writePart(t, e, "audio.wav", "an earlier attempt, which was longer")
	writePart(t, e, "peaks.json", "{}")
	writePart(t, e, "audio.wav", "RIFF")
	if seal, err := e.Sealed(); seal != nil || err != nil {
		t.Fatalf("before: got %+v, %v", seal, err)
	}
	m := Manifest{Kind: "call", StartedAt: opened, Tickets: []FoundTicket{{"T-1", "header"}}}
	if err := e.Seal(m); err != nil {
		t.Fatal(err)
	}
	s.Close()

	e = only(t, openSpool(t, dir))
	seal, err := e.Sealed()
	if err != nil {
		t.Fatal(err)
	}
	want := []Part{
		{"audio.wav", 4, "a40ff3d5900fb7698b8c865041347cb49eccedc8f93945f89629ad104aaecce4"},
		{"peaks.json", 2, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	}
	if len(seal.Parts) != 3 || !slices.Equal(seal.Parts[:2], want) || seal.Parts[2].Name != "manifest.json" {
		t.Errorf("got %+v", seal)
	}
	if err := e.Verify(); err != nil {
		t.Error(err)
	}
	got, err := e.Manifest()
	if err != nil || got.Version != 1 || got.ID != idOne || !slices.Equal(got.Parts, want) || len(got.Tickets) != 1 {
		t.Errorf("got manifest %+v, %v", got, err)
	}
	checkClosedForGood(t, e)
	if err := os.WriteFile(filepath.Join(e.Dir(), "audio.wav"), []byte("RIFX"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(); err == nil {
		t.Error("a changed part is not noticed")
	}
}

// checkClosedForGood checks that a sealed entry takes nothing.
func checkClosedForGood(t *testing.T, e *Entry) {
	t.Helper()
	_, partErr := e.CreatePart("late.wav")
	e.Log().Append(1, KindRTP, opened, []byte("late"))
	for what, err := range map[string]error{
		"note": e.Note("late", opened, nil), "part": partErr, "seal": e.Seal(Manifest{}), "log": e.Log().Err(),
	} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s on a sealed entry: got %v", what, err)
		}
	}
	if e.Log().Dropped() != 1 {
		t.Error("a packet for a sealed entry is not counted")
	}
}

func TestCreateRefuses(t *testing.T) {
	s := openSpool(t, t.TempDir())
	create(t, s, idOne)
	for _, id := range []string{"", "quarantine", "../" + idOne, strings.ToLower(idTwo), idTwo + "0", "8" + idTwo[1:]} {
		if _, err := s.Create(id, opened, nil); err == nil {
			t.Errorf("created %q", id)
		}
	}
	if _, err := s.Create(idOne, opened, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second entry of the same id: got %v", err)
	}
	if _, err := s.Create(idTwo, opened, func() {}); err == nil {
		t.Error("created an entry whose opening is no JSON")
	}
	only(t, s)
	for _, name := range []string{"", ".", "..", ".hidden", "a/b", "/etc/passwd", "journal.jsonl", "media.rtplog", "manifest.json", "seal.json", "a\x00"} {
		if _, err := only(t, s).CreatePart(name); err == nil {
			t.Errorf("created part %q", name)
		}
	}
	s.Close()
	if _, err := s.Create(idTwo, opened, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("create in a closed spool: got %v", err)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: got %v", err)
	}
	s.Close()
	openSpool(t, dir)
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	e, other := create(t, s, idOne), create(t, s, idTwo)
	e.Log().Append(1, KindRTP, opened, []byte("packet"))
	for range 2 {
		if err := e.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if only(t, s) != other {
		t.Error("the wrong entry is left")
	}
	if err := e.Note("late", opened, nil); err == nil {
		t.Error("a removed entry takes a note")
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	create(t, s, idOne) // the id is free again
}

// TestForeign has a spool full of what does not belong there. All of it is put aside or left alone, and nothing is deleted.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	good := openSpool(t, dir)
	create(t, good, idOne)
	writePart(t, create(t, good, idTwo), "audio.wav", "RIFF")
	good.Close()
	id := func(n byte) string { return "01JQ3KZ5B" + string(n) + "RJ2M4N6P8Q0S2T4V" }
	opening := func(id string) string {
		return `{"journal":1,"id":"` + id + `","type":"opening","at":"2026-01-01T00:00:00Z"}` + "\n"
	}
	for name, text := range map[string]string{
		"lost+found/x": "x", "README": "x", strings.ToLower(idOne) + "/journal.jsonl": opening(idOne),
		id('0'):                    "a file",
		id('1') + "/audio.wav":     "no journal",
		id('2') + "/journal.jsonl": "",
		id('3') + "/journal.jsonl": opening(id('3'))[:40],
		id('4') + "/journal.jsonl": "\x00\x00\x00\n",
		id('5') + "/journal.jsonl": opening(idOne),
		id('6') + "/journal.jsonl": strings.Replace(opening(id('6')), `"journal":1`, `"journal":2`, 1),
		id('7') + "/journal.jsonl": opening(id('7')), id('7') + "/seal.json": "",
		id('8') + "/journal.jsonl": opening(id('8')), id('8') + "/seal.json": `{"version":1,"id":"` + id('8') + `","parts":[{"name":"../x"}]}`,
		id('9') + "/journal.jsonl/x": "a folder",
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, id('A'))); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "quarantine", id('2'), "journal.jsonl"), "put aside before")

	var log bytes.Buffer
	s, err := Open(dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if all, err := s.Entries(); err != nil || len(all) != 2 || all[0].ID() != idOne || all[1].ID() != idTwo {
			t.Fatalf("got %v, %v", all, err)
		}
	}
	if got := s.Counters(); got.Quarantined != 11 || got.Unreadable != 0 {
		t.Errorf("got %+v", got)
	}
	if got := strings.Count(log.String(), "rec="); got != 11 {
		t.Errorf("%d lines in the log:\n%s", got, &log)
	}
	if got := names(t, filepath.Join(dir, "quarantine")); len(got) != 12 {
		t.Errorf("in quarantine: %v", got)
	}
	if got := names(t, dir); len(got) != 6 { // two entries, three that are somebody else's, quarantine
		t.Errorf("in the spool: %v", got)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		all = append(all, d.Name())
	}
	return all
}

// TestLeftovers has what a crash inside Create and Remove leaves.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"new-" + idOne + "/journal.jsonl", "removed-" + idTwo + "/audio.wav", "new-entry/keep", "removed-x"} {
		writeFile(t, filepath.Join(dir, name), "")
	}
	s := openSpool(t, dir)
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("left: %v", got)
	}
	create(t, s, idOne)
}

// TestTornJournal cuts a journal at every byte. What was whole is read, and a new note follows it.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	e := create(t, s, idOne)
	for i := range 3 {
		if err := e.Note("count", opened, i); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	name := filepath.Join(dir, idOne, "journal.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := bytes.IndexByte(whole, '\n') + 1; cut <= len(whole); cut++ {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := openSpool(t, dir)
		e := only(t, s)
		if err := e.Note("after", opened, nil); err != nil {
			t.Fatal(err)
		}
		notes, err := e.Notes()
		if want := bytes.Count(whole[:cut], []byte{'\n'}) + 1; err != nil || len(notes) != want || notes[want-1].Type != "after" {
			t.Fatalf("cut at %d: got %d notes, %v, want %d", cut, len(notes), err, want)
		}
		s.Close()
	}
}

// TestDamagedNote has a line in the middle of a journal that is no note. The others count.
func TestDamagedNote(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	e := create(t, s, idOne)
	name := filepath.Join(e.Dir(), "journal.jsonl")
	s.Close()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("\x00\x00\x00\x00\n{\"type\":\"good\",\"at\":\"2026-01-01T00:00:00Z\"}\n[]\n")
	f.Close()
	notes, err := only(t, openSpool(t, dir)).Notes()
	if err != nil || len(notes) != 2 || notes[1].Type != "good" {
		t.Errorf("got %v, %v", notes, err)
	}
}

func TestFree(t *testing.T) {
	free, inodes, err := openSpool(t, t.TempDir()).Free()
	if err != nil || free <= 0 || inodes <= 0 {
		t.Errorf("got %d bytes, %d inodes, %v", free, inodes, err)
	}
}

// TestManifestJSON holds the names that other programs read.
func TestManifestJSON(t *testing.T) {
	want, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(want))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(m, "", "\t")
	if err != nil || string(got)+"\n" != string(want) {
		t.Errorf("got %s, %v", got, err)
	}
}
