package siprec

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a message holds, found with no parser at all.
var (
	anyLine        = regexp.MustCompile(`(?m)^\s*m=\w+ \d+ `)
	anySession     = regexp.MustCompile(`<(\w+:)?session\s`)
	anyParticipant = regexp.MustCompile(`<(\w+:)?participant\s`)
	anyStream      = regexp.MustCompile(`<(\w+:)?stream\s`)
	anySender      = regexp.MustCompile(`<(\w+:)?send>`)
	startLine      = regexp.MustCompile(`(?m)^[A-Z]+ \S+ SIP/2.0\s`)
	headerLine     = regexp.MustCompile(`^[A-Za-z-]+ *:|^[ \t]`)
	indented       = regexp.MustCompile(`(?m)^   `) // as RFCs print messages
	lineEnd        = regexp.MustCompile(`\r?\n`)
)

// TestRealMessages reads what real clients sent and what the RFCs print, where it is at hand: every m= line of every message
// and every participant, stream and session of every document must come out.
func TestRealMessages(t *testing.T) {
	root := os.Getenv("FIXTURES")
	if root == "" {
		t.Skip("FIXTURES is not set")
	}
	offers, documents := 0, 0
	err := filepath.WalkDir(filepath.Join(root, "siprec"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw := string(readFile(t, path))
		if filepath.Ext(path) != ".xml" {
			raw = indented.ReplaceAllString(raw, "")
		}
		for _, message := range cutMessages(raw) {
			t.Run(d.Name(), func(t *testing.T) {
				b := realBody(t, message)
				if checkReal(t, message, b.SDP) {
					offers++
				}
				if checkDocument(t, message, b.Metadata) {
					documents++
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if offers < 15 || documents < 20 {
		t.Errorf("%d offers and %d documents; the files hold more", offers, documents)
	}
}

// cutMessages cuts a file before each start line: some of those from RFCs hold several messages.
func cutMessages(raw string) []string {
	var messages []string
	from := 0
	for _, at := range startLine.FindAllStringIndex(raw, -1) {
		if at[0] > 0 {
			messages = append(messages, raw[from:at[0]])
			from = at[0]
		}
	}
	return append(messages, raw[from:])
}

// realBody parses a message, the body of one, or a document.
func realBody(t *testing.T, raw string) Body {
	t.Helper()
	contentType, body := "", raw
	if startLine.MatchString(raw) {
		lines := lineEnd.Split(raw, -1)[1:]
		for len(lines) > 0 && headerLine.MatchString(lines[0]) { // some have no empty line behind the header
			if name, value, _ := strings.Cut(lines[0], ":"); strings.EqualFold(name, "Content-Type") {
				contentType = strings.TrimSpace(value)
			}
			lines = lines[1:]
		}
		body = strings.Join(lines, "\n")
	}
	b, err := ParseBody(contentType, []byte(body))
	if err != nil && (anyLine.MatchString(raw) || anyParticipant.MatchString(raw)) {
		t.Error(err)
	}
	if !strings.Contains(body, "\n--") && b.Metadata == nil { // printed without any boundary
		if at := strings.Index(body, "<?xml"); at >= 0 {
			b.Metadata = []byte(body[at:])
		}
	}
	return b
}

func checkReal(t *testing.T, raw string, sdp []byte) bool {
	t.Helper()
	want := len(anyLine.FindAllString(raw, -1))
	if want == 0 {
		return false
	}
	offer, err := ParseOffer(sdp)
	if err != nil || len(offer.Streams) != want {
		t.Fatalf("%d streams, %v, want %d", len(offer.Streams), err, want)
	}
	for _, s := range offer.Streams {
		if len(s.Formats) == 0 || s.Port == 0 && !strings.Contains(raw, " 0 RTP") {
			t.Errorf("stream %+v lacks port or formats", s)
		}
	}
	checkAnswers(t, offer)
	return true
}

func checkDocument(t *testing.T, raw string, doc []byte) bool {
	t.Helper()
	participants := len(anyParticipant.FindAllString(raw, -1))
	if participants == 0 {
		return false
	}
	m, err := ParseMetadata(doc)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Participants) != participants || m.Mode == "" {
		t.Errorf("%d participants, mode %q, want %d", len(m.Participants), m.Mode, participants)
	}
	if got, want := len(m.Streams), len(anyStream.FindAllString(raw, -1)); got != want {
		t.Errorf("%d streams, want %d", got, want)
	}
	if got, want := len(m.Sessions), len(anySession.FindAllString(raw, -1)); got != want {
		t.Errorf("%d sessions, want %d", got, want)
	}
	if got, want := len(m.sends), len(anySender.FindAllString(raw, -1)); got != want {
		t.Errorf("%d streams sent, want %d", got, want)
	}
	for _, p := range m.Participants {
		if p.ID == "" || p.AOR == "" {
			t.Errorf("participant %+v lacks something", p)
		}
	}
	return true
}
