package siprec

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const offered = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=sendonly\r\n" +
	"m=audio 4000 RTP/AVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=label:1\r\na=rtcp-mux\r\n" +
	"m=audio 4002 RTP/SAVP 8\r\nc=IN IP6 2001:db8::1\r\na=label:2\r\na=inactive\r\na=ptime:30\r\na=rtcp:5000 IN IP6 2001:db8::1\r\n" +
	"m=video 0 RTP/AVP 34\r\n"

func parseOffer(t *testing.T, text string) Offer {
	t.Helper()
	o, err := ParseOffer([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParseOffer(t *testing.T) {
	o := parseOffer(t, offered)
	if len(o.Streams) != 3 || len(o.Oddities) != 0 {
		t.Fatalf("%d streams, oddities %v, want 3 and none", len(o.Streams), o.Oddities)
	}
	a, b, c := o.Streams[0], o.Streams[1], o.Streams[2]
	if a.Addr.String() != "192.0.2.9" || a.Port != 4000 || a.Direction != "sendonly" || !a.RTCPMux || a.Label != "1" {
		t.Errorf("first stream is %+v", a)
	}
	want := []Format{
		{0, "PCMU", 8000, 1, ""}, {8, "PCMA", 8000, 1, ""}, {96, "OPUS", 48000, 2, ""}, {101, "TELEPHONE-EVENT", 8000, 1, "0-15"},
	}
	if !slices.Equal(a.Formats, want) {
		t.Errorf("formats %+v, want %+v", a.Formats, want)
	}
	if b.Addr.String() != "2001:db8::1" || b.Direction != "inactive" || b.Ptime != 30 || b.Proto != "RTP/SAVP" || b.RTCPPort != 5000 {
		t.Errorf("second stream is %+v", b)
	}
	if c.Media != "video" || c.Port != 0 || c.Index != 2 || c.Direction != "sendonly" {
		t.Errorf("third stream is %+v", c)
	}
}

// TestParseOfferOddLines: lines that a strict parser refuses.
func TestParseOfferOddLines(t *testing.T) {
	for text, check := range map[string]func(s OfferStream) bool{
		"v=0\nm=audio 4000/2 RTP/AVP 0\nc=IN IP4 192.0.2.1/127":                    func(s OfferStream) bool { return s.Port == 4000 && s.Addr.String() == "192.0.2.1" },
		"v=0\rm=audio 4000 RTP/AVP 0\ra=sendonly \r":                               func(s OfferStream) bool { return s.Direction == "sendonly" },
		"  v=0\n   m=AUDIO 4000 RTP/AVP 0 0 300 x":                                 func(s OfferStream) bool { return s.Media == "audio" && len(s.Formats) == 1 },
		"v=0\nc=IN IP4 X.X.X.X\nm=audio 4000 RTP/AVP 18\na=fmtp:18 annexb=no":      func(s OfferStream) bool { return !s.Addr.IsValid() && s.Formats[0].Fmtp == "annexb=no" },
		"v=0\nm=audio 4000 RTP/AVP 0\na=rtpmap:0 pcmu\na=rtpmap:97 opus/48000":     func(s OfferStream) bool { return s.Formats[0] == staticFormats[0] && len(s.Formats) == 1 },
		"v=0\nm=audio 4000 RTP/AVP 0\na=rtpmap: 0 PCMU / 8000 / 1\na=Label: a leg": func(s OfferStream) bool { return s.Formats[0] == staticFormats[0] && s.Label == "a leg" },
		"m=audio 4000 RTP/AVP 97\na=rtpmap:97\na=fmtp\na=rtcp:x\na=ptime:20.5":     func(s OfferStream) bool { return s.Formats[0] == Format{PayloadType: 97} && s.Ptime == 0 },
		"v=0\nm=audio":                 func(s OfferStream) bool { return s.Media == "audio" && s.Port == 0 },
		"v=0\nm=":                      func(s OfferStream) bool { return s.Media == "" && s.Direction == "sendrecv" },
		"v=0\nm=audio 70000 RTP/AVP 0": func(s OfferStream) bool { return s.Port == 0 },
		"v=0\nc=IN IP6 ::ffff:192.0.2.1\nm=audio 4000 RTP/AVP 13": func(s OfferStream) bool {
			return s.Addr.String() == "192.0.2.1" && s.Formats[0].Encoding == "CN"
		},
	} {
		if o := parseOffer(t, text); len(o.Streams) != 1 || !check(o.Streams[0]) {
			t.Errorf("%q has %+v", text, o.Streams)
		}
	}
}

func TestOfferOddities(t *testing.T) {
	for text, want := range map[string]string{
		"m=audio 1 RTP/AVP 0\na=label:1":                                          "the offer has no v= line",
		"v=0\nm=audio 1 RTP/AVP 0\na=label:1\nm=audio 1 RTP/AVP 0\na=label:1":     "two streams have the same label",
		"v=0\nm=audio 1 RTP/AVP 0":                                                "a stream has no label",
		"v=0\nm=audio 1\nm=audio 1 RTP/AVP 0\na=label:1":                          "an m= line that cannot be read; a stream has no label",
		"v=0\nc=IN IP4 host.example\nm=audio 1 RTP/AVP 0\na=label:1":              "a connection address that is none",
		"v=0\nm=audio 1 RTP/AVP 0\na=label:1\nm=audio 0 RTP/AVP 0\nm=video 1 a 1": "",
	} {
		if got := strings.Join(parseOffer(t, text).Oddities, "; "); got != want {
			t.Errorf("%q: oddities %q, want %q", text, got, want)
		}
	}
}

func TestParseOfferRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":               errNotSDP,
		"no SDP at all":  errNotSDP,
		"v=0\r\ns=-\r\n": errNoStreams,
		"v=0\r\n" + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxLines+1): errManyLines,
	} {
		if _, err := ParseOffer([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", text, err, want)
		}
	}
}

func BenchmarkParseOffer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseOffer([]byte(offered)); err != nil {
			b.Fatal(err)
		}
	}
}
