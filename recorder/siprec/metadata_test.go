package siprec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const header = `<?xml version="1.0" encoding="UTF-8"?><recording xmlns="urn:ietf:params:xml:ns:recording:1">`

func parse(t *testing.T, doc string) *Metadata {
	t.Helper()
	m, err := ParseMetadata([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseMetadata(t *testing.T) {
	b, err := ParseBody("", readFile(t, "testdata", "bodies", "rfc7866.txt"))
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, string(b.Metadata))
	if m.Mode != "complete" || !slices.Equal(m.Groups, []string{"g1"}) {
		t.Errorf("mode %q, groups %v", m.Mode, m.Groups)
	}
	if want := "[{s1 g1 [ab30;remote=4775]}]"; fmt.Sprint(m.Sessions) != want {
		t.Errorf("sessions %v, want %s", m.Sessions, want)
	}
	if want := "[{p1 sip:bob@example.com Bob B} {p2 tel:+15550199 }]"; fmt.Sprint(m.Participants) != want {
		t.Errorf("participants %v, want %s", m.Participants, want)
	}
	if want := "[{a s1 96 false} {b s1 97 false}]"; fmt.Sprint(m.Streams) != want {
		t.Errorf("streams %v, want %s", m.Streams, want)
	}
}

const (
	two     = `<participant participant_id="p"><nameID aor="sip:p@x"/></participant><participant participant_id="q"><nameID aor="sip:q@x"/></participant>`
	streams = `<stream stream_id="1"><label>a</label></stream><stream stream_id="2"><label>b</label></stream>`
)

func TestParticipantOf(t *testing.T) {
	for name, c := range map[string]struct{ doc, a, b string }{
		"by association": {two + streams + `<participantstreamassoc participant_id=" q "><send> 1
			</send></participantstreamassoc><participantstreamassoc participant_id="p"><send>2</send></participantstreamassoc>`, "q", "p"},
		"association before what it names": {`<participantstreamassoc participant_id="q"><send>1</send></participantstreamassoc>` + two + streams, "q", ""},
		"by order":                         {two + streams, "p", "q"},
		"by order, one says who":           {two + streams + `<participantstreamassoc participant_id="q"><send>2</send></participantstreamassoc>`, "", "q"},
		"receivers are no senders":         {two + streams + `<participantstreamassoc participant_id="p"><recv>2</recv><send>1</send></participantstreamassoc>`, "p", ""},
		"one who left":                     {two + streams + `<participantstreamassoc participant_id="p"><send>1</send><disassociate-time>2026-01-01T00:00:00Z</disassociate-time></participantstreamassoc>`, "p", ""},
		"one took over from another": {two + streams + `<participantstreamassoc participant_id="p"><send>1</send><disassociate-time>2026-01-01T00:00:00Z</disassociate-time></participantstreamassoc>` +
			`<participantstreamassoc participant_id="q"><send>1</send></participantstreamassoc>`, "q", ""},
		"several in one stream":  {two + streams + `<participantstreamassoc participant_id="p"><send>1</send></participantstreamassoc><participantstreamassoc participant_id="q"><send>1</send></participantstreamassoc>`, "", ""},
		"several in a mixed one": {`<participant id="p"><nameID aor="sip:p@x"/></participant><stream id="1"><label>a</label><mode>mixed</mode></stream>`, "", ""},
		"no ids":                 {`<participant><nameID aor="sip:p@x"/><send></send></participant><participant><nameID aor="sip:q@x"/></participant><stream stream_id=""><label>a</label></stream><stream><label>b</label></stream>`, "p", "q"},
		"nested in the session": {`<session id="s"><participant id="p"><nameID aor="sip:p@x"/><send>1</send></participant><stream id="1"><label>a</label></stream></session>` +
			`<participant id="q"><nameID aor="sip:q@x"/></participant>`, "p", ""},
		"more streams than people": {two + streams + `<stream stream_id="3"><label>c</label></stream>`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, header+c.doc+"</recording>")
			for label, want := range map[string]string{"a": c.a, "b": c.b, "": "", "none": ""} {
				if want != "" {
					want = "sip:" + want + "@x"
				}
				if p, ok := m.ParticipantOf(label); p.AOR != want || ok != (want != "") {
					t.Errorf("label %q: got %q, %v, want %q", label, p.AOR, ok, want)
				}
			}
		})
	}
}

func TestParticipantNamedTwice(t *testing.T) {
	m := parse(t, header+`<participant participant_id="p"><nameID aor="sip:p@x"><name>"P"</name></nameID></participant><participant participant_id="p"/></recording>`)
	if len(m.Participants) != 1 || m.Participants[0].AOR != "sip:p@x" || len(m.Oddities) != 1 {
		t.Errorf("participants %+v, oddities %v", m.Participants, m.Oddities)
	}
}

func TestExtension(t *testing.T) {
	m := parse(t, header+`<session session_id="s" v:ticket="T-1" xmlns:v="http://v.example" xml:lang="en">
		<help xmlns="http://help.example" ticket="T-2"><ticket> T-3
		</ticket><name>T-4</name><participant participant_id="x"/></help><v:label>T-5</v:label></session>
		<extensiondata id="e" parent="s"><reason>T-6</reason></extensiondata><Ticket>T-7</Ticket><participant participant_id="p" v:x=""/></recording>`)
	for name, want := range map[string]string{
		"ticket": "T-1 T-2 T-3 T-7", "name": "T-4", "label": "T-5", "reason": "T-6", "x": "", "lang": "", "id": "", "session_id": "", "v": "", "xmlns": "",
		"participant_id": "x",
	} {
		if got := strings.Join(m.Extension(name), " "); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if len(m.Participants) != 1 {
		t.Errorf("participants %+v, want only the one outside the extension", m.Participants)
	}
}

// TestBrokenDocuments: what can be read of a document counts.
func TestBrokenDocuments(t *testing.T) {
	const half = `<participant participant_id="p"><nameID aor="sip:p@x"/></participant>`
	for name, doc := range map[string]string{
		"cut off":            header + half + `<stream stream_id="1"><lab`,
		"unclosed":           header + half,
		"a URI in brackets":  header + half + `<name>P <sip:p@x></name></recording>`,
		"wrong end":          header + half + `<a></b></recording>`,
		"version 1.1":        `<?xml version="1.1" encoding="EBCDIC"?><recording>` + half + `</recording>`,
		"control characters": "\x00\ufeff <?xml version='1.0'?>\x0c<recording>\x01" + half + "</recording>\x00",
		"no declaration":     "\ufeff\r\n<recording>" + half + "</recording>",
		"stray ampersand":    header + half + `<name>A & B &nbsp;</name></recording>`,
		"comments":           `<!-- <recording/> --><?vendor x?>` + "<recording>" + half + "</recording>",
	} {
		if m, err := ParseMetadata([]byte(doc)); err != nil || len(m.Participants) != 1 || m.Participants[0].AOR != "sip:p@x" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestParseMetadataRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		want error
	}{
		"nothing":       {"", errMetadataRoot},
		"text":          {"no XML", errMetadataRoot},
		"another root":  {"<html><recording/></html>", errMetadataRoot},
		"too long":      {header + strings.Repeat(" ", maxMetadata), errMetadataSize},
		"too deep":      {header + strings.Repeat("<a>", maxDepth), errMetadataDeep},
		"too many":      {header + strings.Repeat("<a/>", maxElements), errMetadataDeep},
		"only a prolog": {"<?xml version='1.0'?><!DOCTYPE recording>", errMetadataRoot},
	} {
		if _, err := ParseMetadata([]byte(c.doc)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestEntities: what a document type declares is not used.
func TestEntities(t *testing.T) {
	m := parse(t, `<!DOCTYPE recording [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>`+
		`<recording><ticket>&b;&f;&lt;&#65;</ticket></recording>`)
	if got := strings.Join(m.Extension("ticket"), " "); got != "&b;&f;<A" {
		t.Errorf("ticket is %q", got)
	}
}

// FuzzMetadata: nothing comes out longer than the document allows, who speaks is a participant, and no oddity says more
// than its fixed words.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(header + two + streams + `<participantstreamassoc participant_id="p"><send>1</send></participantstreamassoc></recording>`))
	for name, want := range bodies {
		if b, err := ParseBody(want.contentType, readFile(f, "testdata", "bodies", name)); err == nil {
			f.Add(b.Metadata)
		}
	}
	oddities := []string{oddSpace, oddEnd, oddUTF, "a participant is named twice"}
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseMetadata(doc)
		if err != nil {
			return
		}
		if n := len(m.Participants) + len(m.Streams) + len(m.Sessions) + len(m.sends); n > maxElements {
			t.Fatalf("%d things in a document of %d bytes", n, len(doc))
		}
		for _, s := range m.Streams {
			if p, ok := m.ParticipantOf(s.Label); ok && !slices.Contains(m.Participants, p) {
				t.Fatalf("%+v is nobody", p)
			}
		}
		total := 0
		for _, e := range m.Extensions {
			total += len(e.Value)
			if e.Value != "" && !slices.Contains(m.Extension(e.Name), e.Value) {
				t.Fatalf("extension %+v is not found by its name", e)
			}
		}
		if total > 3*len(doc) { // three bytes for each that is no UTF-8
			t.Fatalf("%d bytes of extensions in a document of %d", total, len(doc))
		}
		for _, o := range m.Oddities {
			if !slices.Contains(oddities, o) {
				t.Fatalf("oddity %q", o)
			}
		}
	})
}

func BenchmarkParseMetadata(b *testing.B) {
	body, err := ParseBody("", readFile(b, "testdata", "bodies", "rfc7866.txt"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body.Metadata)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMetadata(body.Metadata); err != nil {
			b.Fatal(err)
		}
	}
}
