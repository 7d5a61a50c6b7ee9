package recorder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// facts is what an entry's journal says: the fold of its notes.
type facts struct {
	opened   time.Time
	opening  opening
	streams  []streamFacts
	metadata []*siprec.Metadata // each document that could be read, in order
	ended    time.Time          // zero when the journal does not say: the daemon crashed
	end      noteEnd
	oddities []string
}

// streamFacts is a stream with every format that any offer gave it.
type streamFacts struct {
	streamNote
	formats map[uint8]formatNote
}

// readFacts folds an entry's journal. Notes that make no sense are odd, not fatal: the media counts.
func readFacts(e *spool.Entry) (*facts, error) {
	notes, err := e.Notes()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if len(notes) == 0 {
		return nil, fmt.Errorf("read journal: it is empty")
	}
	f := &facts{opened: notes[0].At}
	if err := json.Unmarshal(notes[0].Data, &f.opening); err != nil {
		f.odd("the opening note cannot be read")
	}
	f.oddities = append(f.oddities, f.opening.Oddities...)
	f.addMetadata(f.opening.Metadata)
	for _, n := range notes[1:] {
		f.add(n)
	}
	return f, nil
}

func (f *facts) add(n spool.Note) {
	var err error
	switch n.Type {
	case noteOffer:
		var streams []streamNote
		if err = json.Unmarshal(n.Data, &streams); err == nil {
			f.addStreams(streams)
		}
	case noteMetadata:
		var m metadataNote
		if err = json.Unmarshal(n.Data, &m); err == nil {
			for _, o := range m.Oddities {
				f.odd(o)
			}
			f.addMetadata(m.XML)
		}
	case noteEnded:
		f.ended = n.At
		err = json.Unmarshal(n.Data, &f.end)
	}
	if err != nil {
		f.odd("a note of the journal cannot be read")
	}
}

// addStreams takes the latest description of every stream. Formats add up, since packets of an earlier offer are in the log too.
func (f *facts) addStreams(notes []streamNote) {
	for _, n := range notes {
		i := slices.IndexFunc(f.streams, func(s streamFacts) bool { return s.Number == n.Number })
		if i < 0 {
			i = len(f.streams)
			f.streams = append(f.streams, streamFacts{formats: make(map[uint8]formatNote)})
		}
		s := &f.streams[i]
		s.streamNote = n
		for _, format := range n.Formats {
			if old, ok := s.formats[format.PayloadType]; ok && old != format {
				f.odd("a payload type changed its meaning during the call")
			}
			s.formats[format.PayloadType] = format
		}
	}
}

func (f *facts) addMetadata(xml string) {
	if xml == "" {
		return
	}
	m, err := siprec.ParseMetadata([]byte(xml))
	if err != nil {
		f.odd("SIPREC metadata that cannot be read")
		return
	}
	for _, o := range m.Oddities {
		f.odd(o)
	}
	f.metadata = append(f.metadata, m)
}

// odd remembers something that was not as the standards have it, once.
func (f *facts) odd(what string) {
	if !slices.Contains(f.oddities, what) {
		f.oddities = append(f.oddities, what)
	}
}

// participantOf is who speaks in a stream, by the latest metadata that says so.
func (f *facts) participantOf(label string) (siprec.Participant, bool) {
	for _, m := range slices.Backward(f.metadata) {
		if p, ok := m.ParticipantOf(label); ok {
			return p, true
		}
	}
	return siprec.Participant{}, false
}

// parties are the caller and the callee: the first two participants of the earliest metadata that names any. SIPREC does not
// say who called whom; clients list the calling side first.
func (f *facts) parties() (caller, callee spool.Party) {
	for _, m := range f.metadata {
		if len(m.Participants) > 0 {
			caller = party(m.Participants[0])
			if len(m.Participants) > 1 {
				callee = party(m.Participants[1])
			}
			return caller, callee
		}
	}
	return caller, callee
}

// tickets are all that signalling named, the most explicit source first.
func (f *facts) tickets(extensions []string) []spool.FoundTicket {
	found := slices.Clone(f.opening.Tickets)
	for _, m := range f.metadata {
		found = ticketsInMetadata(found, m, extensions)
	}
	return found
}

func party(p siprec.Participant) spool.Party {
	return spool.Party{URI: p.AOR, Number: numberOf(p.AOR), Name: p.Name}
}

// numberOf is the telephone number in a SIP or tel URI, or "": the user part, when it is one.
func numberOf(uri string) string {
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		rest = uri
	}
	user, _, _ := strings.Cut(rest, "@")
	user, _, _ = strings.Cut(user, ";")
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()", r) { // visual separators, RFC 3966, 5.1.1
			return -1
		}
		return r
	}, user)
	trimmed := strings.TrimPrefix(digits, "+")
	if trimmed == "" || strings.Trim(trimmed, "0123456789") != "" {
		return ""
	}
	return digits
}
