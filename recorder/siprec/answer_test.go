package siprec

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func TestAnswer(t *testing.T) {
	answer, err := parseOffer(t, offered).Answer(Answer{Addr: loopback, SessionID: 7, Version: 2, Streams: []AnswerStream{
		{Port: 20000, RTCPPort: 20001, RTCPMux: true, Formats: []uint8{0, 8, 101}, Direction: "recvonly"}, {}, {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"v=0", "o=linewarden 7 2 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
		"m=audio 20000 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000",
		"a=fmtp:101 0-15", "a=label:1", "a=rtcp-mux", "a=recvonly",
		"m=audio 0 RTP/SAVP 8", "m=video 0 RTP/AVP 34", "",
	}, "\r\n")
	if string(answer) != want {
		t.Errorf("answer is\n%s\nwant\n%s", answer, want)
	}
}

// TestAnswerIPv6: addresses are written as what they are, and times repeated.
func TestAnswerIPv6(t *testing.T) {
	o := parseOffer(t, "v=0\nt=3900000000 3900003600\nm=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n")
	for addr, want := range map[string]string{"2001:db8::1": "IN IP6 2001:db8::1", "::ffff:192.0.2.1": "IN IP4 192.0.2.1", "fe80::1%eth0": "IN IP6 fe80::1"} {
		answer, err := o.Answer(Answer{Addr: netip.MustParseAddr(addr), Streams: []AnswerStream{{Port: 20000, RTCPPort: 30000, Formats: []uint8{96}}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"c=" + want, "t=3900000000 3900003600", "a=rtpmap:96 OPUS/48000/2", "a=rtcp:30000", "a=recvonly"} {
			if !strings.Contains(string(answer), line+"\r\n") {
				t.Errorf("answer from %s lacks %q:\n%s", addr, line, answer)
			}
		}
	}
}

// TestAnswerKeepsRules: what RFC 3264, 6, forbids is not written, whatever is asked for.
func TestAnswerKeepsRules(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		answer AnswerStream
		want   string
	}{
		"offered with port 0": {"m=audio 0 RTP/AVP 0", AnswerStream{Port: 9, Formats: []uint8{0}}, "m=audio 0 RTP/AVP 0\r\n"},
		"no format is taken":  {"m=audio 4000 RTP/AVP 0 8", AnswerStream{Port: 9, Formats: []uint8{9}}, "m=audio 0 RTP/AVP 0\r\n"},
		"fax":                 {"m=image 4000 udptl t38", AnswerStream{}, "m=image 0 udptl t38\r\n"},
		"chat":                {"m=message 4000 TCP/MSRP *", AnswerStream{Port: 9, Formats: []uint8{0}}, "m=message 0 TCP/MSRP *\r\n"},
		"unreadable":          {"m=", AnswerStream{}, "m=audio 0 RTP/AVP 0\r\n"},
		"recvonly":            {"m=audio 4000 RTP/AVP 0\na=recvonly", AnswerStream{Port: 9, Formats: []uint8{0}, Direction: "recvonly"}, "a=inactive\r\n"},
		"inactive":            {"m=audio 4000 RTP/AVP 0\na=inactive", AnswerStream{Port: 9, Formats: []uint8{0}, Direction: "recvonly"}, "a=inactive\r\n"},
		"wanted inactive":     {"m=audio 4000 RTP/AVP 0", AnswerStream{Port: 9, Formats: []uint8{0}, Direction: "inactive"}, "a=inactive\r\n"},
		"sendrecv":            {"m=audio 4000 RTP/AVP 0", AnswerStream{Port: 9, Formats: []uint8{0}, Direction: "sendrecv"}, "a=recvonly\r\n"},
		"mux not offered":     {"m=audio 4000 RTP/AVP 0", AnswerStream{Port: 9, RTCPPort: 20, RTCPMux: true, Formats: []uint8{0}}, "a=rtcp:20\r\na=recvonly\r\n"},
	} {
		answer, err := parseOffer(t, "v=0\n"+c.line).Answer(Answer{Addr: loopback, Streams: []AnswerStream{c.answer}})
		if err != nil || !strings.HasSuffix(string(answer), c.want) {
			t.Errorf("%s: %v, want at the end %q\n%s", name, err, c.want, answer)
		}
	}
}

func TestAnswerRefuses(t *testing.T) {
	o := parseOffer(t, offered)
	if _, err := o.Answer(Answer{Addr: loopback}); !errors.Is(err, errAnswerStreams) {
		t.Errorf("too few streams: %v", err)
	}
	if _, err := o.Answer(Answer{Streams: make([]AnswerStream, 3)}); !errors.Is(err, errAnswerAddr) {
		t.Errorf("no address: %v", err)
	}
}

// FuzzOffer: an offer that parses has answers that parse, with the same m= lines in the same order.
func FuzzOffer(f *testing.F) {
	f.Add([]byte(offered))
	f.Add([]byte("v=0\nm=image 4000 udptl t38\nm=message 1 TCP/MSRP *\nm=\nm=audio 9 RTP/AVPF 0 111\na=recvonly\n"))
	for name, want := range bodies {
		if b, err := ParseBody(want.contentType, readFile(f, "testdata", "bodies", name)); err == nil {
			f.Add(b.SDP)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if offer, err := ParseOffer(raw); err == nil {
			checkAnswers(t, offer)
		}
	})
}

// checkAnswers answers an offer in several ways and reads the answers.
func checkAnswers(t *testing.T, offer Offer) {
	t.Helper()
	for every := range 3 { // reject none, every one, every other
		a := Answer{Addr: loopback, SessionID: 1, Version: 1}
		for i, s := range offer.Streams {
			as := AnswerStream{Port: 20000 + 2*i, RTCPPort: 20001 + 2*i, RTCPMux: true, Direction: "recvonly"}
			if every > 0 && i%every == 0 {
				as.Port = 0
			}
			for _, format := range s.Formats {
				as.Formats = append(as.Formats, format.PayloadType)
			}
			a.Streams = append(a.Streams, as)
		}
		text, err := offer.Answer(a)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, offer, a, text)
	}
}

func checkAnswer(t *testing.T, offer Offer, a Answer, text []byte) {
	t.Helper()
	answer, err := ParseOffer(text)
	if err != nil || len(answer.Streams) != len(offer.Streams) {
		t.Fatalf("%d streams, %v, want %d\n%s", len(answer.Streams), err, len(offer.Streams), text)
	}
	for i, got := range answer.Streams {
		o := offer.Streams[i]
		if o.Media != "" && got.Media != o.Media || o.Proto != "" && got.Proto != o.Proto {
			t.Fatalf("stream %d is %q %q, was offered as %q %q", i, got.Media, got.Proto, o.Media, o.Proto)
		}
		if o.Port == 0 || len(o.Formats) == 0 || a.Streams[i].Port == 0 {
			if got.Port != 0 {
				t.Fatalf("stream %d has port %d, want it rejected", i, got.Port)
			}
			continue
		}
		if got.Port != a.Streams[i].Port || got.Label != o.Label || len(got.Formats) != len(o.Formats) || got.RTCPMux != o.RTCPMux {
			t.Fatalf("stream %d is %+v, was offered as %+v", i, got, o)
		}
		if got.Direction != "recvonly" && got.Direction != "inactive" {
			t.Fatalf("stream %d is %s", i, got.Direction)
		}
	}
	if !slices.ContainsFunc(offer.Streams, unusual) {
		var d sdp.SessionDescription
		if err := d.Unmarshal(text); err != nil || len(d.MediaDescriptions) != len(offer.Streams) {
			t.Fatalf("another parser reads %d streams, %v\n%s", len(d.MediaDescriptions), err, text)
		}
	}
}

// unusual says whether the other parser does not know a stream's media or proto, which an answer must repeat.
func unusual(s OfferStream) bool {
	return s.Media != "audio" && s.Media != "video" && s.Media != "" ||
		!slices.Contains([]string{"", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"}, s.Proto)
}
