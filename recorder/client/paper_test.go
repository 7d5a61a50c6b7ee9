package client

import (
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestSnapshot(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))
	b, err := snapshot([2]party{{uri: "sip:a&b@example.com"}, {uri: "tel:+15005550100", name: `<"Ann">`}}, at)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), "<?xml") || strings.Count(string(b), "<name>") != 1 {
		t.Errorf("document:\n%s", b)
	}
	var doc recordingXML
	if err := xml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{doc.Group.ID: true, doc.Session.ID: true}
	for i, p := range doc.Participants {
		ids[p.ID], ids[doc.Streams[i].ID] = true, true
		other := doc.Streams[1-i].ID
		if h := doc.Heard[i]; h.Participant != p.ID || h.Send != doc.Streams[i].ID || h.Receive != other {
			t.Errorf("participant %d sends %s and hears %s", i, h.Send, h.Receive)
		}
		if doc.Joined[i].Participant != p.ID || doc.Joined[i].Session != doc.Session.ID || doc.Streams[i].Session != doc.Session.ID {
			t.Errorf("participant %d is in another session", i)
		}
	}
	if len(ids) != 6 || ids[""] {
		t.Errorf("identifiers %v, want six", ids)
	}
	if got := doc.Participants[1].Name; got.URI != "tel:+15005550100" || got.Name != `<"Ann">` {
		t.Errorf("callee %+v", got)
	}
	if doc.DataMode != "complete" || doc.Session.Group != doc.Group.ID || doc.Session.Start != "2026-11-23T11:00:00Z" {
		t.Errorf("document %+v", doc)
	}
}

func TestParseParty(t *testing.T) {
	domain4, domain6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, test := range []struct {
		text   string
		domain netip.Addr
		want   party
	}{
		{"+15005550100", domain4, party{"sip:+15005550100@192.0.2.1", ""}},
		{"#31#1", domain6, party{"sip:%2331%231@[2001:db8::1]", ""}},
		{"ann@example.com", domain4, party{"sip:ann@example.com", ""}},
		{" sip:ann@example.com ", domain4, party{"sip:ann@example.com", ""}},
		{"tel:+1", domain4, party{"tel:+1", ""}},
		{`"Ann, Agent" <sip:ann@example.com>`, domain4, party{"sip:ann@example.com", "Ann, Agent"}},
		{"Ann <100>", domain4, party{"sip:100@192.0.2.1", "Ann"}},
	} {
		if got, err := parseParty(test.text, test.domain); err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v, want %+v", test.text, got, err, test.want)
		}
	}
}

const answerHead = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

func TestParseAnswer(t *testing.T) {
	at := netip.MustParseAddrPort
	for name, test := range map[string]struct {
		body string
		want [2]destination // Zero: an error.
	}{
		"plain": {
			answerHead + "m=audio 9000 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 0 8\r\n",
			[2]destination{{at("192.0.2.1:9000"), at("192.0.2.1:9001")}, {at("192.0.2.1:9002"), at("192.0.2.1:9003")}},
		},
		"own addresses, RTCP ports": {
			answerHead + "m=audio 9000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\na=rtcp:7000 IN IP4 192.0.2.9\r\nm=audio 9002 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:7000\r\n",
			[2]destination{{at("192.0.2.2:9000"), at("192.0.2.2:7000")}, {at("192.0.2.1:9002"), at("192.0.2.1:9002")}},
		},
		"refused and inactive": {
			answerHead + "m=audio 0 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 0\r\na=inactive\r\n", [2]destination{},
		},
		"one inactive": {
			answerHead + "m=audio 9000 RTP/AVP 0\r\na=inactive\r\nm=audio 9002 RTP/AVP 0\r\n",
			[2]destination{{}, {at("192.0.2.1:9002"), at("192.0.2.1:9003")}},
		},
		"another codec": {answerHead + "m=audio 9000 RTP/AVP 8\r\nm=audio 9002 RTP/AVP 8\r\n", [2]destination{}},
		"a line short":  {answerHead + "m=audio 9000 RTP/AVP 0\r\n", [2]destination{}},
		"a name":        {strings.ReplaceAll(answerHead, "c=IN IP4 192.0.2.1", "c=IN IP4 host.example") + "m=audio 9000 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 0\r\n", [2]destination{}},
		"no address":    {strings.ReplaceAll(answerHead, "c=IN IP4 192.0.2.1\r\n", "") + "m=audio 9000 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 0\r\n", [2]destination{}},
		"RTCP port":     {answerHead + "m=audio 9000 RTP/AVP 0\r\na=rtcp:x\r\nm=audio 9002 RTP/AVP 0\r\n", [2]destination{}},
	} {
		got, err := parseAnswer([]byte(test.body), laws["PCMU"])
		if (err == nil) != (test.want != [2]destination{}) || err == nil && got != test.want {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, test.want)
		}
	}
}

// What parses has somewhere to send to, and no destination is half there.
func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(answerHead + "m=audio 9000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2/127\r\na=rtcp:7000\r\nm=audio 9002/2 RTP/AVP 0\r\na=rtcp-mux\r\n"))
	f.Add([]byte(answerHead + "m=audio 0 RTP/AVP 0\r\nm=audio 65535 RTP/AVP 0\r\na=inactive\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		to, err := parseAnswer(b, laws["PCMU"])
		if err != nil {
			return
		}
		if to == [2]destination{} {
			t.Error("an answer that wants nothing")
		}
		for _, d := range to {
			if (d != destination{}) && (!d.rtp.IsValid() || d.rtp.Port() == 0 || !d.rtcp.IsValid()) {
				t.Errorf("destination %+v", d)
			}
		}
	})
}

// What parses is something that can be written into metadata and read back from it.
func FuzzParseParty(f *testing.F) {
	f.Add(`"Ann" <sip:ann@example.com>`)
	f.Add("+1 500")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseParty(text, netip.MustParseAddr("192.0.2.1"))
		if err != nil {
			return
		}
		if !strings.Contains(p.uri, ":") || strings.ContainsAny(p.uri+p.name, "\r\n") {
			t.Errorf("party %+v", p)
		}
		b, err := snapshot([2]party{p, p}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(b, new(recordingXML)); err != nil {
			t.Errorf("%v in\n%s", err, b)
		}
	})
}

// checkReport reads a compound packet: report, name, goodbye (RFC 3550, 6.4.1, 6.5, 6.6).
func checkReport(t *testing.T, b []byte, ssrc uint32, packets int) {
	t.Helper()
	var kinds []byte
	for rest := b; len(rest) >= 8; {
		size := 4 * (1 + int(binary.BigEndian.Uint16(rest[2:])))
		if size > len(rest) || binary.BigEndian.Uint32(rest[4:]) != ssrc {
			t.Fatalf("report % x", b)
		}
		if kinds = append(kinds, rest[1]); rest[1] == 200 {
			if got := binary.BigEndian.Uint32(rest[20:]); got != uint32(packets) {
				t.Errorf("report of %d packets, want %d", got, packets)
			}
			if got := binary.BigEndian.Uint32(rest[24:]); got != uint32(packets*packetBytes) {
				t.Errorf("report of %d bytes, want %d", got, packets*packetBytes)
			}
		}
		rest = rest[size:]
	}
	if got := fmt.Sprint(kinds); got != "[200 202 203]" || len(b)%4 != 0 {
		t.Errorf("report of %s", got)
	}
}
