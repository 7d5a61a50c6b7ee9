package siprec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// wantBody is what a body in testdata/bodies holds.
type wantBody struct {
	contentType  string
	labels       string // of the offer's streams
	participants string // AORs
	speakers     string // AOR of who is heard in each stream of the offer
	odd          bool
}

var bodies = map[string]wantBody{
	"rfc7866.txt":     {"multipart/mixed;boundary=foobar", "96 97", "sip:bob@example.com tel:+15550199", "sip:bob@example.com tel:+15550199", false},
	"oldspace.txt":    {"multipart/mixed; boundary=unique-1", "16777227 16777228", "sip:9000@192.0.2.10 sip:1002@192.0.2.11", "sip:9000@192.0.2.10 sip:1002@192.0.2.11", true},
	"mixedstream.txt": {"multipart/mixed;boundary=UniqueBoundary", "5", "sip:+15550100@192.0.2.5;user=phone", "", true},
	"gtd.txt":         {`multipart/mixed;boundary="uniq"`, "1 2", "sip:7301@192.0.2.7 sip:7300@192.0.2.7", "sip:7301@192.0.2.7 sip:7300@192.0.2.7", false},
	"barelf.txt":      {"", "a_leg b_leg", "alice bob", "alice bob", true},
	"plain.txt":       {"application/sdp", "", "", "", false},
}

func TestBodies(t *testing.T) {
	for name, want := range bodies {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", "bodies", name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := ParseBody(want.contentType, raw)
			if err != nil {
				t.Fatal(err)
			}
			checkBody(t, b, want)
		})
	}
}

func checkBody(t *testing.T, b Body, want wantBody) {
	t.Helper()
	offer, err := ParseOffer(b.SDP)
	if err != nil {
		t.Fatal(err)
	}
	var labels, aors, speakers []string
	meta := &Metadata{}
	if len(b.Metadata) > 0 {
		if meta, err = ParseMetadata(b.Metadata); err != nil {
			t.Fatal(err)
		}
	}
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
	if got := strings.Join(labels, " "); got != want.labels {
		t.Errorf("labels %q, want %q", got, want.labels)
	}
	if got := strings.Join(aors, " "); got != want.participants {
		t.Errorf("participants %q, want %q", got, want.participants)
	}
	if got := strings.Join(speakers, " "); got != want.speakers {
		t.Errorf("speakers %q, want %q", got, want.speakers)
	}
	if odd := len(b.Oddities)+len(meta.Oddities) > 0; odd != want.odd {
		t.Errorf("oddities %v %v, want some: %v", b.Oddities, meta.Oddities, want.odd)
	}
}

// TestRealMessages reads what real clients sent, where it is at hand.
func TestRealMessages(t *testing.T) {
	root := os.Getenv("FIXTURES")
	if root == "" {
		t.Skip("FIXTURES is not set")
	}
	want := map[string]int{ // streams in the offer
		"acme-siprec-offer.txt": 2, "broadworks-offer.txt": 1, "cisco-siprec-offer.txt": 2,
		"sonus-siprec-offer.txt": 2, "connectel-offer.txt": 2,
	}
	for name, streams := range want {
		raw, err := os.ReadFile(filepath.Join(root, "siprec", "drachtio", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseBody("multipart/mixed", raw) // without its boundary
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		offer, err := ParseOffer(b.SDP)
		if err != nil || len(offer.Streams) != streams {
			t.Errorf("%s: %d streams, %v, want %d", name, len(offer.Streams), err, streams)
		}
		if _, err := ParseMetadata(b.Metadata); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	documents, err := filepath.Glob(filepath.Join(root, "siprec", "*", "*.xml"))
	if err != nil || len(documents) == 0 {
		t.Fatalf("no metadata documents: %v", err)
	}
	for _, name := range documents {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "requestsnapshot") || !strings.Contains(string(raw), "<recording") {
			continue
		}
		if m, err := ParseMetadata(raw); err != nil || m.Mode == "" {
			t.Errorf("%s: not even its mode could be read: %v", filepath.Base(name), err)
		}
	}
}

func TestParseBodyRefusesNothingness(t *testing.T) {
	for _, body := range []string{"hello", "--x\r\n\r\n--x--", "<html></html>"} {
		if b, err := ParseBody("multipart/mixed;boundary=x", []byte(body)); err == nil {
			t.Errorf("%q gave %d bytes of SDP and no error", body, len(b.SDP))
		}
	}
}

// FuzzBody: whatever parses is a part of the body, and an offer that parses has an answer that an SDP parser of
// another make reads, with as many m= lines.
func FuzzBody(f *testing.F) {
	for name, want := range bodies {
		raw, err := os.ReadFile(filepath.Join("testdata", "bodies", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(want.contentType, raw)
	}
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		b, err := ParseBody(contentType, raw)
		if err != nil {
			return
		}
		if len(b.SDP)+len(b.Metadata) > len(raw) {
			t.Fatal("more came out than went in")
		}
		if len(b.Metadata) > 0 {
			if m, err := ParseMetadata(b.Metadata); err == nil {
				m.ParticipantOf("1")
				m.Extension("ticket")
			}
		}
		offer, err := ParseOffer(b.SDP)
		if err != nil {
			return
		}
		a := Answer{Addr: loopback, SessionID: 1, Version: 1}
		for i, s := range offer.Streams {
			if s.Media != "audio" || s.Proto != "RTP/AVP" || len(s.Formats) == 0 {
				return // is answered by repeating it, which the parser need not like
			}
			as := AnswerStream{Direction: "recvonly"}
			if i%2 == 0 {
				as.Port = 20000 + 2*i
			}
			for _, format := range s.Formats {
				as.Formats = append(as.Formats, format.PayloadType)
			}
			a.Streams = append(a.Streams, as)
		}
		answer, err := offer.Answer(a)
		if err != nil {
			t.Fatal(err)
		}
		var d sdp.SessionDescription
		if err := d.Unmarshal(answer); err != nil {
			t.Fatalf("answer does not parse: %v\n%s", err, answer)
		}
		if len(d.MediaDescriptions) != len(offer.Streams) {
			t.Fatalf("answer has %d streams, offer %d", len(d.MediaDescriptions), len(offer.Streams))
		}
	})
}
