package siprec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantBody is what a body in testdata/bodies holds.
type wantBody struct {
	contentType  string
	labels       string // of the offer's streams
	participants string // AORs
	speakers     string // AOR of who is heard in each stream of the offer
	oddities     string
}

const (
	oddSpace = "the metadata has not the namespace of RFC 7865"
	oddFinal = "the final boundary is missing"
	oddName  = "the boundary is not the one that the Content-Type names"
	oddType  = "a part has another type than it says"
	oddNone  = "a part does not say what it is"
	oddLabel = "a stream has no label"
	oddEnd   = "the metadata breaks off"
	oddUTF   = "the metadata is not in UTF-8"
)

// bodies are like those of real clients: RFC 7866 itself, Oracle, BroadWorks (twice, and one elided), Cisco, Sonus, Avaya, SEMS.
var bodies = map[string]wantBody{
	"rfc7866.txt":     {"multipart/mixed;boundary=foobar", "96 97", "sip:bob@example.com tel:+15550199", "sip:bob@example.com tel:+15550199", ""},
	"oldspace.txt":    {"multipart/mixed; boundary=unique-1", "16777227 16777228", "sip:9000@192.0.2.10 sip:1002@192.0.2.11", "sip:9000@192.0.2.10 sip:1002@192.0.2.11", oddSpace},
	"mixedstream.txt": {"multipart/mixed;boundary=UniqueBoundary", "5", "sip:+15550100@192.0.2.5 sip:+15550101@192.0.2.5;user=phone", "", oddSpace},
	"earlydraft.txt":  {"multipart/mixed;boundary=UniqueBoundary", "10 20", "sip:user1@as.example.net 7663@as.example.net;user=phone", "sip:user1@as.example.net 7663@as.example.net;user=phone", oddSpace},
	"gtd.txt":         {`multipart/mixed;boundary="uniq"`, "1 2", "sip:7301@192.0.2.7 sip:7300@192.0.2.7", "sip:7301@192.0.2.7 sip:7300@192.0.2.7", ""},
	"prefix.txt":      {"multipart/mixed; boundary=content-delim", "1 2", "8500@192.0.2.3 8012@192.0.2.4", "8012@192.0.2.4 8500@192.0.2.3", oddSpace},
	"dummy.txt":       {"multipart/mixed; boundary=other", "10", "sip:3004001011@example.com sip:sbc@example.com", "sip:3004001011@example.com", oddName},
	"barelf.txt":      {"", "a_leg b_leg", "alice bob", "alice bob", oddFinal + "; " + oddName + "; " + oddType + "; " + oddSpace},
	"latin.txt":       {"application/sdp", "1 2", "sip:müller@example.com sip:bob@example.com", "sip:müller@example.com sip:bob@example.com", oddName + "; " + oddNone + "; " + oddUTF},
	"elided.txt":      {"multipart/mixed;boundary=b1", "1 2", "", "", "the Content-Type cannot be read; " + oddType + "; " + oddEnd + "; " + oddSpace},
	"plain.txt":       {"application/sdp", "", "", "", oddLabel},
}

func TestBodies(t *testing.T) {
	for name, want := range bodies {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBody(want.contentType, readFile(t, "testdata", "bodies", name))
			if err != nil {
				t.Fatal(err)
			}
			checkBody(t, b, want)
		})
	}
}

// TestBodiesWithoutContentType: nothing of what is recorded depends on the request's Content-Type.
func TestBodiesWithoutContentType(t *testing.T) {
	for name, want := range bodies {
		raw := readFile(t, "testdata", "bodies", name)
		right, err := ParseBody(want.contentType, raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, contentType := range []string{"", "text/plain", "application/sdp", "multipart/mixed", "multipart/mixed;boundary=wrong", ";;;"} {
			b, err := ParseBody(contentType, raw)
			if err != nil || string(b.SDP) != string(right.SDP) || string(b.Metadata) != string(right.Metadata) || len(b.Other) != len(right.Other) {
				t.Errorf("%s as %q: %d bytes of SDP, %d of metadata, %v", name, contentType, len(b.SDP), len(b.Metadata), err)
			}
		}
	}
}

func checkBody(t *testing.T, b Body, want wantBody) {
	t.Helper()
	offer, err := ParseOffer(b.SDP)
	if err != nil {
		t.Fatal(err)
	}
	meta := &Metadata{}
	if len(b.Metadata) > 0 {
		if meta, err = ParseMetadata(b.Metadata); err != nil {
			t.Fatal(err)
		}
	}
	var labels, aors, speakers []string
	for _, s := range offer.Streams {
		if s.Label != "" {
			labels = append(labels, s.Label)
		}
		if p, ok := meta.ParticipantOf(s.Label); ok {
			speakers = append(speakers, p.AOR)
		}
	}
	for _, p := range meta.Participants {
		aors = append(aors, p.AOR)
	}
	for _, c := range []struct{ what, got, want string }{
		{"labels", strings.Join(labels, " "), want.labels},
		{"participants", strings.Join(aors, " "), want.participants},
		{"speakers", strings.Join(speakers, " "), want.speakers},
		{"oddities", strings.Join(append(append(b.Oddities, offer.Oddities...), meta.Oddities...), "; "), want.oddities},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestParseBodyKeepsOtherParts(t *testing.T) {
	b, err := ParseBody("multipart/mixed;boundary=uniq", readFile(t, "testdata", "bodies", "gtd.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Other) != 1 || b.Other[0].ContentType != "application/gtd" || !strings.HasPrefix(string(b.Other[0].Data), "IAM,\r\n") {
		t.Errorf("other parts are %+v", b.Other)
	}
}

func TestParseBodyForms(t *testing.T) {
	for name, body := range map[string]string{
		"no blank line":     "--b\nContent-Type: application/rs-metadata\n<recording/>\n--b\nContent-Type: application/sdp\nv=0\n--b--",
		"no part headers":   "--b\n\n<recording/>\n--b\nv=0\n--b--",
		"nested":            "--b\r\nContent-Type: multipart/alternative;boundary=c\r\n\r\n--c\r\n\r\nv=0\r\n--c--\r\n--b\r\n\r\n<recording/>\r\n--b--",
		"longer delimiters": "--b\n\n<recording>\n--bb\n--b-\n</recording>\n--b\n\nv=0\n--b--\nbehind",
		"byte order mark":   "--b\n\n\ufeff<recording/>\n--b\n\nv=0\n--b--",
		"capitals":          "--b\nCONTENT-TYPE : Application/RS-Metadata+XML\n\n<recording/>\n--b\ncontent-type:APPLICATION/SDP\n\nv=0",
		"two of each":       "--b\n\nv=0\n--b\n\n<recording/>\n--b\n\nv=0\ns=second\n--b\n\n<recording second=''/>\n--b--",
	} {
		b, err := ParseBody("multipart/mixed;boundary=b", []byte(body))
		if err != nil || !strings.HasPrefix(string(b.SDP), "v=0") || !strings.Contains(string(b.Metadata), "<recording") {
			t.Errorf("%s: SDP %q, metadata %q, %v", name, b.SDP, b.Metadata, err)
		}
		if strings.Contains(string(b.SDP)+string(b.Metadata), "second") {
			t.Errorf("%s: a later part took the place of an earlier one", name)
		}
	}
}

func TestParseBodyBelievesTypes(t *testing.T) {
	b, err := ParseBody("multipart/mixed;boundary=b", []byte("--b\nContent-Type: application/sdp\n\n...\nm=audio 1 RTP/AVP 0\n--b\nContent-Type: application/rs-metadata\n\n[elided]\n--b--"))
	if err != nil || !strings.Contains(string(b.SDP), "m=audio") || !strings.Contains(string(b.Metadata), "elided") {
		t.Errorf("SDP %q, metadata %q, %v", b.SDP, b.Metadata, err)
	}
}

func TestParseBodyRefusesNothingness(t *testing.T) {
	for _, body := range []string{"hello", "--x\r\n\r\n--x--", "<html></html>", "--", strings.Repeat("--x\n", 100)} {
		if b, err := ParseBody("multipart/mixed;boundary=x", []byte(body)); !errors.Is(err, ErrNoBody) {
			t.Errorf("%.20q gave %d bytes of SDP, %v", body, len(b.SDP), err)
		}
	}
	if b, err := ParseBody("", nil); err != nil || len(b.Oddities) > 0 {
		t.Errorf("no body at all: %v, %v", b.Oddities, err)
	}
}

// FuzzBody: what comes out was in the body, each byte once, and taking it apart again changes nothing.
func FuzzBody(f *testing.F) {
	for name, want := range bodies {
		f.Add(want.contentType, readFile(f, "testdata", "bodies", name))
	}
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		b, err := ParseBody(contentType, raw)
		total := len(b.SDP) + len(b.Metadata)
		for _, p := range b.Other {
			total += len(p.Data)
		}
		if total > len(raw) || len(b.Other) > maxParts*maxParts*maxParts {
			t.Fatalf("%d bytes came out, %d went in", total, len(raw))
		}
		if err != nil {
			return
		}
		if sniff(b.SDP) == typeSDP {
			if again, err := ParseBody(typeSDP, b.SDP); err != nil || string(again.SDP) != string(b.SDP) {
				t.Fatalf("SDP %q became %q, %v", b.SDP, again.SDP, err)
			}
		}
	})
}

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
