package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxJournal in bytes. A note holds at most a SIP message of 64 KB, and a session that is refreshed every minute for a
// day needs fewer than this; the limit keeps a strange file from being read into memory.
const maxJournal = 64 << 20

// noteOpening is the type of a journal's first note.
const noteOpening = "opening"

// Note is a line of an entry's journal.
type Note struct {
	Type string          `json:"type"`
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data,omitempty"`
}

// openingLine is the first line of a journal: it says of which entry it is.
type openingLine struct {
	Journal int    `json:"journal"` // version of the journal's form
	ID      string `json:"id"`
	Note
}

const journalVersion = 1

// damaged is an error of what a file says, and not of reading it: trying again cannot help.
type damaged struct{ reason string }

func (d damaged) Error() string { return d.reason }

func encodeOpening(id string, at time.Time, data any) ([]byte, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode note: %w", err)
	}
	return encodeLine(openingLine{journalVersion, id, Note{noteOpening, at, raw}})
}

func encodeLine(v any) ([]byte, error) {
	line, err := json.Marshal(v) // has no line break: JSON strings escape them
	if err != nil {
		return nil, fmt.Errorf("encode note: %w", err)
	}
	return append(line, '\n'), nil
}

// Note adds a line to the journal. It is on disk when Note returns; when Note fails it may be, and later notes do not suffer
// from what is left of it.
func (e *Entry) Note(typ string, at time.Time, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("add note: encode: %w", err)
	}
	line, err := encodeLine(Note{typ, at, raw})
	if err != nil {
		return fmt.Errorf("add note: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.appendNoteLocked(line); err != nil {
		return fmt.Errorf("add note: %w", err)
	}
	return nil
}

func (e *Entry) appendNoteLocked(line []byte) error {
	switch {
	case e.sealed:
		return ErrSealed
	case e.journalErr != nil:
		return e.journalErr
	case e.journalEnd+int64(len(line)) > maxJournal:
		return fmt.Errorf("journal would be over %d bytes", maxJournal)
	}
	f, err := os.OpenFile(e.path(nameJournal), os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(e.journalEnd); err != nil { // what a crash or a full disk left of a line
		return err
	}
	if _, err := f.WriteAt(line, e.journalEnd); err != nil {
		return err
	}
	e.spool.crash("note: written")
	if err := f.Sync(); err != nil {
		// The kernel tells of a lost page once, then takes it for clean: a later sync that succeeds means nothing.
		e.journalErr = fmt.Errorf("sync journal: %w", err)
		return e.journalErr
	}
	// COMMIT: a crash before the sync may lose the line or tear it, after it the line is there to stay.
	e.journalEnd += int64(len(line))
	return nil
}

// Notes are the lines of the journal, the opening first. A torn last line is dropped: it was never acknowledged. A line that
// cannot be read is skipped, counted and logged.
func (e *Entry) Notes() ([]Note, error) {
	notes, _, bad, err := readJournal(e.path(nameJournal), e.id)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if bad > 0 {
		e.spool.log.Error("journal has lines that cannot be read; they are skipped", "rec", e.id, "lines", bad)
	}
	return notes, nil
}

// readJournal reads a journal's notes and where its last whole line ends. It fails when the opening cannot be read.
func readJournal(name, id string) (notes []Note, end int64, bad int, err error) {
	data, err := readSmall(name, maxJournal)
	if err != nil {
		return nil, 0, 0, err
	}
	first, rest, ok := bytes.Cut(data, []byte{'\n'})
	var opening openingLine
	switch {
	case !ok:
		return nil, 0, 0, damaged{"journal has no opening"}
	case json.Unmarshal(first, &opening) != nil || opening.Type != noteOpening:
		return nil, 0, 0, damaged{"journal's opening cannot be read"}
	case opening.Journal != journalVersion:
		return nil, 0, 0, damaged{fmt.Sprintf("journal has version %d", opening.Journal)}
	case opening.ID != id:
		return nil, 0, 0, damaged{"journal is of another entry"}
	}
	notes = append(notes, opening.Note)
	end = int64(len(first)) + 1
	for {
		line, more, ok := bytes.Cut(rest, []byte{'\n'})
		if !ok {
			return notes, end, bad, nil
		}
		end += int64(len(line)) + 1
		var n Note
		if json.Unmarshal(line, &n) == nil && n.Type != "" {
			notes = append(notes, n)
		} else {
			bad++
		}
		rest = more
	}
}

// readSmall reads a plain file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // a pipe must not block us
	if err != nil {
		if errors.Is(err, unix.ELOOP) {
			return nil, damaged{"a link stands where a file should be"}
		}
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > limit {
		return nil, damaged{"a file is too big or no file"}
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
