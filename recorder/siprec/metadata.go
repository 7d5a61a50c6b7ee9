package siprec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits on a metadata document; the largest that a real client was seen to send has 12 KB.
const (
	maxMetadata = 256 << 10 // bytes
	maxElements = 4096
	maxDepth    = 32
)

// Metadata is a recording metadata document (RFC 7865), of any of its drafts.
type Metadata struct {
	Mode         string // "complete" or "partial"
	Sessions     []CommunicationSession
	Groups       []string // IDs
	Participants []Participant
	Streams      []Stream
	Extensions   []Extension
	Oddities     []string

	sends map[string][]string // participant ID: IDs of the streams it sends
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
	AOR  string // SIP or tel URI
	Name string
}

// Stream is a media stream (RFC 7865, 6.7).
type Stream struct {
	ID        string
	SessionID string
	Label     string // a=label of the m= line
}

// Extension is an element or attribute that RFC 7865 does not have.
type Extension struct {
	Space string // namespace
	Name  string
	Value string
}

var (
	errMetadataSize  = fmt.Errorf("metadata of more than %d bytes", maxMetadata)
	errMetadataDepth = errors.New("metadata with too many elements")
	errMetadataRoot  = errors.New("no recording metadata")
)

// ParseMetadata reads a metadata document. Namespaces are not looked at, since most clients send an old one or none.
func ParseMetadata(doc []byte) (*Metadata, error) {
	if len(doc) > maxMetadata {
		return nil, errMetadataSize
	}
	root, err := parseTree(doc)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(root.name, "recording") {
		return nil, errMetadataRoot
	}
	m := &Metadata{sends: make(map[string][]string)}
	if root.space != "urn:ietf:params:xml:ns:recording:1" {
		m.odd("the metadata has not the namespace of RFC 7865")
	}
	for _, e := range root.children {
		m.add(e)
	}
	m.extensions(root)
	return m, nil
}

// ParticipantOf is the participant that sends the stream with a label (RFC 7865, 6.7 and 6.10). Where nothing says so and
// there are as many streams as participants, they are taken to be in the same order.
func (m *Metadata) ParticipantOf(label string) (Participant, bool) {
	at := slices.IndexFunc(m.Streams, func(s Stream) bool { return s.Label == label })
	if at < 0 {
		return Participant{}, false
	}
	for _, p := range m.Participants {
		if slices.Contains(m.sends[p.ID], m.Streams[at].ID) {
			return p, true
		}
	}
	if len(m.sends) == 0 && len(m.Streams) == len(m.Participants) {
		return m.Participants[at], true
	}
	return Participant{}, false
}

// Extension is the text of every element or attribute outside RFC 7865 that has this local name, in document order.
func (m *Metadata) Extension(name string) []string {
	var values []string
	for _, e := range m.Extensions {
		if strings.EqualFold(e.Name, name) && e.Value != "" {
			values = append(values, e.Value)
		}
	}
	return values
}

func (m *Metadata) odd(what string) {
	if !slices.Contains(m.Oddities, what) {
		m.Oddities = append(m.Oddities, what)
	}
}

func (m *Metadata) add(e *element) {
	switch strings.ToLower(e.name) {
	case "datamode", "datamodel":
		m.Mode = strings.ToLower(e.text)
	case "group":
		m.Groups = append(m.Groups, e.id("group_id"))
	case "session":
		s := CommunicationSession{ID: e.id("session_id"), GroupRef: e.child("group-ref")}
		for _, c := range e.children {
			if strings.EqualFold(c.name, "sipSessionID") {
				s.SIPSessionIDs = append(s.SIPSessionIDs, strings.Join(strings.Fields(c.text), ""))
			}
		}
		m.Sessions = append(m.Sessions, s)
	case "participant":
		m.participant(e)
	case "stream":
		m.Streams = append(m.Streams, Stream{ID: e.id("stream_id"), SessionID: e.attr("session_id", "session"), Label: e.child("label")})
	case "participantstreamassoc":
		m.send(e.id("participant_id"), e)
	}
}

func (m *Metadata) participant(e *element) {
	p := Participant{ID: e.id("participant_id")}
	for _, c := range e.children {
		if strings.EqualFold(c.name, "nameID") {
			p.AOR, p.Name = c.attr("aor"), c.child("name")
		}
	}
	m.send(p.ID, e) // drafts had the association inside the participant
	if i := slices.IndexFunc(m.Participants, func(o Participant) bool { return o.ID == p.ID }); i >= 0 {
		m.odd("a participant is named twice")
		m.Participants[i] = p
		return
	}
	m.Participants = append(m.Participants, p)
}

func (m *Metadata) send(participant string, e *element) {
	for _, c := range e.children {
		if strings.EqualFold(c.name, "send") && c.text != "" {
			m.sends[participant] = append(m.sends[participant], c.text)
		}
	}
}

// element is a node of a document, with its text trimmed.
type element struct {
	space, name string
	attrs       []xml.Attr
	text        string
	children    []*element
}

// id is the element's identifier: by RFC 7865's name for it, or by the drafts' plain "id".
func (e *element) id(name string) string { return e.attr(name, "id") }

func (e *element) attr(names ...string) string {
	for _, name := range names {
		for _, a := range e.attrs {
			if strings.EqualFold(a.Name.Local, name) {
				return strings.TrimSpace(a.Value)
			}
		}
	}
	return ""
}

func (e *element) child(name string) string {
	for _, c := range e.children {
		if strings.EqualFold(c.name, name) {
			return c.text
		}
	}
	return ""
}

// parseTree reads a document without trusting it: no entities, and bounded in size, depth and number of elements.
func parseTree(doc []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimSpace(doc)))
	d.Strict = false
	d.CharsetReader = readCharset
	top := &element{}
	stack := []*element{top}
	for count := 0; ; {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) || len(top.children) > 0 {
				break // what came until here counts, also of a document that is cut off
			}
			return nil, errMetadataRoot
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, errMetadataDepth
			}
			e := &element{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr}
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			parent.text = strings.TrimSpace(parent.text)
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			parent.text += string(t)
		}
	}
	if len(top.children) == 0 {
		return nil, errMetadataRoot
	}
	return top.children[0], nil
}

// readCharset reads Latin-1, the one other encoding clients use; anything else is read as if it were UTF-8.
func readCharset(charset string, r io.Reader) (io.Reader, error) {
	if !strings.EqualFold(charset, "iso-8859-1") && !strings.EqualFold(charset, "latin1") {
		return r, nil
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return strings.NewReader(string(runes)), nil
}
