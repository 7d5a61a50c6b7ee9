package siprec

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var loopback = netip.MustParseAddr("127.0.0.1")

const offered = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=sendonly\r\n" +
	"m=audio 4000 RTP/AVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=label:1\r\na=rtcp-mux\r\n" +
	"m=audio 4002 RTP/SAVP 8\r\nc=IN IP6 2001:db8::1\r\na=label:2\r\na=inactive\r\na=ptime:30\r\n" +
	"m=video 0 RTP/AVP 34\r\n"

func TestParseOffer(t *testing.T) {
	o, err := ParseOffer([]byte(offered))
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Streams) != 3 {
		t.Fatalf("%d streams, want 3", len(o.Streams))
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
	if b.Addr.String() != "2001:db8::1" || b.Direction != "inactive" || b.Ptime != 30 || b.Proto != "RTP/SAVP" {
		t.Errorf("second stream is %+v", b)
	}
	if c.Media != "video" || c.Port != 0 {
		t.Errorf("third stream is %+v", c)
	}
}

func TestParseOfferRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":               errNotSDP,
		"no SDP at all":  errNotSDP,
		"v=0\r\ns=-\r\n": errNoStreams,
		"v=0\r\n" + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxLines+1): errManyLines,
	} {
		if _, err := ParseOffer([]byte(text)); err != want {
			t.Errorf("%.20q: %v, want %v", text, err, want)
		}
	}
}

func TestAnswer(t *testing.T) {
	o, err := ParseOffer([]byte(offered))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := o.Answer(Answer{Addr: loopback, SessionID: 7, Version: 2, Streams: []AnswerStream{
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
	if _, err := o.Answer(Answer{Addr: loopback}); err == nil {
		t.Error("an answer with too few streams was written")
	}
}

func TestUserToUser(t *testing.T) {
	for field, want := range map[string]UserToUser{
		"543130303031;encoding=hex;purpose=isdn-uui": {Content: []byte("T10001"), Purpose: "isdn-uui"},
		`"ticket=42; x";purpose="help"`:              {Content: []byte("ticket=42; x"), Purpose: "help"},
		"T-9":                                        {Content: []byte("T-9")},
		"zz;encoding=hex":                            {Content: []byte("zz")},
	} {
		got, err := ParseUserToUser(field)
		if err != nil || string(got.Content) != string(want.Content) || got.Purpose != want.Purpose {
			t.Errorf("%s: %q %q %v", field, got.Content, got.Purpose, err)
		}
	}
	for _, field := range []string{"", `"open`, ";encoding=hex", strings.Repeat("4", maxUserToUser+1)} {
		if u, err := ParseUserToUser(field); err == nil {
			t.Errorf("%.20q gave %q", field, u.Content)
		}
	}
}

func FuzzUserToUser(f *testing.F) {
	f.Add("543130303031;encoding=hex")
	f.Add(`"a\"b";purpose=x`)
	f.Fuzz(func(t *testing.T, field string) {
		u, err := ParseUserToUser(field)
		if err == nil && (len(u.Content) == 0 || len(u.Content) > len(field)) {
			t.Fatalf("%q gave %q", field, u.Content)
		}
	})
}
