package siprec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits on a metadata document; the largest that a real client was seen to send has 12 KB.
const (
	maxMetadata = 256 << 10 // bytes
	maxElements = 4096
	maxDepth    = 32
)

// Metadata is a recording metadata document: of RFC 7865, or of its drafts, which most clients still write.
type Metadata struct {
	Mode         string // "complete" or "partial"
	Sessions     []CommunicationSession
	Groups       []string // IDs
	Participants []Participant
	Streams      []Stream
	Extensions   []Extension
	Oddities     []string // what was not as the standards have it, in fixed words

	space string // namespace of the root
	sends []association
}

// CommunicationSession is the call itself (RFC 7865, 6.3).
type CommunicationSession struct {
	ID            string
	GroupRef      string
	SIPSessionIDs []string // RFC 7989
}

// Participant takes part in a communication session (RFC 7865, 6.5).
type Participant struct {
	ID   string
	AOR  string // SIP or tel URI, as the client has it: some leave out the scheme
	Name string
}

// Stream is a media stream (RFC 7865, 6.7).
type Stream struct {
	ID        string
	SessionID string
	Label     string // a=label of the m= line
	Mixed     bool   // holds several participants; the drafts say so
}

// association says who sends a stream (RFC 7865, 6.10). The fields are IDs.
type association struct {
	participant, stream string
	ended               bool
}

var (
	errMetadataSize = fmt.Errorf("metadata of more than %d bytes", maxMetadata)
	errMetadataDeep = errors.New("metadata with too many elements")
	errMetadataRoot = errors.New("no recording metadata")
)

// ParseMetadata reads a metadata document. Namespaces only tell extensions, since most clients send an old one or none. Of a
// document that breaks off, what came before counts.
func ParseMetadata(doc []byte) (*Metadata, error) {
	if len(doc) > maxMetadata {
		return nil, errMetadataSize
	}
	m := &Metadata{}
	clean, utf := readable(doc)
	if !utf {
		m.odd("the metadata is not in UTF-8") // RFC 7865, 6.11
	}
	root, whole, err := parseTree(clean)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(root.name, "recording") {
		return nil, errMetadataRoot
	}
	if !whole {
		m.odd("the metadata breaks off")
	}
	if m.space = root.space; m.space != "urn:ietf:params:xml:ns:recording:1" {
		m.odd("the metadata has not the namespace of RFC 7865")
	}
	m.add(root)
	m.extend(root, false)
	return m, nil
}

// ParticipantOf is the participant that sends the stream with a label (RFC 7865, 6.7 and 6.10). It is nobody when several do:
// a name that may be wrong is worse than none. Where nothing says who sends what, and there are as many streams as
// participants, they are taken to be in the same order.
func (m *Metadata) ParticipantOf(label string) (Participant, bool) {
	if label == "" {
		return Participant{}, false
	}
	at := slices.IndexFunc(m.Streams, func(s Stream) bool { return s.Label == label })
	if at < 0 {
		return Participant{}, false
	}
	if len(m.sends) == 0 && len(m.Streams) == len(m.Participants) && !m.Streams[at].Mixed {
		return m.Participants[at], true
	}
	senders := m.senders(label, false)
	if len(senders) == 0 {
		senders = m.senders(label, true)
	}
	if len(senders) != 1 {
		return Participant{}, false
	}
	return senders[0], true
}

// senders are the participants that send a stream of this label, or have done so.
func (m *Metadata) senders(label string, ended bool) []Participant {
	var found []Participant
	for _, p := range m.Participants {
		if slices.ContainsFunc(m.sends, func(a association) bool {
			return a.participant == p.ID && a.ended == ended && m.labelled(a.stream, label)
		}) {
			found = append(found, p)
		}
	}
	return found
}

func (m *Metadata) labelled(id, label string) bool {
	return slices.ContainsFunc(m.Streams, func(s Stream) bool { return s.ID == id && s.Label == label })
}

func (m *Metadata) odd(what string) {
	if !slices.Contains(m.Oddities, what) {
		m.Oddities = append(m.Oddities, what)
	}
}

// add takes an element and those within it, extensions left out. Some drafts have participants and streams inside the session.
func (m *Metadata) add(e *element) {
	if m.foreign(e.space) {
		return
	}
	switch e.lower() {
	case "datamode":
		m.Mode = strings.ToLower(e.text)
	case "group":
		m.Groups = append(m.Groups, e.attr("group_id", "id"))
	case "session":
		m.session(e)
	case "participant":
		m.participant(e)
	case "stream":
		m.Streams = append(m.Streams, Stream{
			ID: e.attr("stream_id", "id"), SessionID: e.attr("session_id", "session"),
			Label: e.child("label"), Mixed: strings.EqualFold(e.child("mode"), "mixed"),
		})
	case "participantstreamassoc":
		m.associate(e.attr("participant_id", "participant", "id"), e)
	}
	for _, c := range e.children {
		m.add(c)
	}
}

func (m *Metadata) session(e *element) {
	s := CommunicationSession{ID: e.attr("session_id", "id"), GroupRef: e.child("group-ref")}
	if s.GroupRef == "" {
		s.GroupRef = e.attr("group")
	}
	for _, c := range e.children {
		if c.lower() == "sipsessionid" {
			s.SIPSessionIDs = append(s.SIPSessionIDs, strings.Join(strings.Fields(c.text), "")) // clients fold it
		}
	}
	m.Sessions = append(m.Sessions, s)
}

// participant takes a participant. What is said of it a second time adds to the first.
func (m *Metadata) participant(e *element) {
	p := Participant{ID: e.attr("participant_id", "id"), AOR: e.child("aor"), Name: e.child("name")} // of the drafts
	for _, c := range e.children {
		if c.lower() == "nameid" && p.AOR == "" {
			p.AOR, p.Name = c.attr("aor"), c.child("name")
		}
	}
	m.associate(p.ID, e) // the drafts had the association inside the participant
	i := slices.IndexFunc(m.Participants, func(o Participant) bool { return p.ID != "" && o.ID == p.ID })
	if i < 0 {
		m.Participants = append(m.Participants, p)
		return
	}
	m.odd("a participant is named twice")
	if p.AOR != "" {
		m.Participants[i] = p
	}
}

// associate takes what a participant sends.
func (m *Metadata) associate(participant string, e *element) {
	ended := e.child("disassociate-time") != ""
	for _, c := range e.children {
		if c.lower() != "send" || participant == "" {
			continue
		}
		stream := c.text
		if stream == "" {
			stream = c.child("id") // of an early draft
		}
		if stream != "" {
			m.sends = append(m.sends, association{participant, stream, ended})
		}
	}
}
