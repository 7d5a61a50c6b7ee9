package recorder

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linewarden/recorder/client"
	"linewarden/recorder/media"
)

// alive makes sure that the server still records after what was done to it.
func (r *rig) alive() {
	r.t.Helper()
	out, err := client.Place(r.t.Context(), client.Call{Server: r.addr("udp"), Transport: "udp", Duration: 200 * time.Millisecond})
	if err != nil {
		r.t.Fatalf("no call is taken any more: %v", err)
	}
	for {
		if m := r.manifest(r.waitSealed()); m.SIP.CallID == out.CallID {
			return
		}
	}
}

func TestBodiesThatOpenNoSession(t *testing.T) {
	r := newRig(t, nil)
	audio := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
	for name, c := range map[string]struct{ header, body string }{
		"no body":        {"", ""},
		"no streams":     {sdp, audio},
		"no SDP":         {"Content-Type: multipart/mixed;boundary=b\n", "--b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<recording/>\r\n--b--\r\n"},
		"not SDP":        {sdp, "hello"},
		"unknown codec":  {sdp, audio + "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 SILK/16000\r\n"},
		"encrypted":      {sdp, audio + "m=audio 4000 RTP/SAVP 0\r\n"},
		"video only":     {sdp, audio + "m=video 4000 RTP/AVP 34\r\n"},
		"no boundary":    {"Content-Type: multipart/mixed\n", "nothing"},
		"too many lines": {sdp, audio + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", maxStreams+1)},
	} {
		t.Run(name, func(t *testing.T) {
			m := dialRaw(t, r).ask("INVITE", c.header, c.body)
			if m.status() != 488 || !strings.Contains(m.header.Get("Warning"), "399 linewarden") {
				t.Errorf("answer %s, Warning %q, want 488 and a reason", m.start, m.header.Get("Warning"))
			}
		})
	}
	if n := r.server.Active(); n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
	if entries, err := r.spool.Entries(); err != nil || len(entries) != 0 {
		t.Errorf("%d entries were left behind, %v", len(entries), err)
	}
	r.alive()
}

func TestOddMetadataCostsNoRecording(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly", "2 4002 sendonly")
	part := func(metadata string) string {
		return "--b\r\nContent-Type: application/sdp\r\n\r\n" + offer + "\r\n--b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n" + metadata + "\r\n--b--\r\n"
	}
	for name, body := range map[string]string{
		"garbage":       part("<recording <<<< &&& "),
		"another root":  part("<html><recording/></html>"),
		"bomb":          part("<recording>" + strings.Repeat("<a>", 5000)),
		"no metadata":   offer,
		"3 kB":          part("<recording><!--" + strings.Repeat("x", 3000) + "--></recording>"),
		"60 kB":         part("<recording><!--" + strings.Repeat("x", 60_000) + "--></recording>"),
		"wrong lengths": strings.ReplaceAll(part("<recording/>"), "Content-Type: application/sdp\r\n", "Content-Type: application/sdp\r\nContent-Length: 7\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			header := "Content-Type: multipart/mixed;boundary=b\n"
			if body == offer {
				header = sdp
			}
			c := dialRaw(t, r)
			if ports := answeredPorts(t, c.ask("INVITE", header, body)); len(ports) != 2 || ports[0] == 0 || ports[1] == 0 {
				t.Errorf("ports %v", ports)
			}
			c.ask("BYE", "", "")
			if m := r.manifest(r.waitSealed()); len(m.Channels) != 2 {
				t.Errorf("%d channels", len(m.Channels))
			}
		})
	}
}

func TestPartOfAnOfferIsTaken(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly") + "m=video 4002 RTP/AVP 34\r\nm=audio 4004 RTP/AVP 97\r\na=rtpmap:97 SILK/16000\r\nm=audio 4006 RTP/AVP 97 8\r\na=rtpmap:97 SILK/16000\r\n"
	m := dialRaw(t, r).ask("INVITE", sdp, offer)
	var lines []string
	for line := range strings.Lines(m.body) {
		if strings.HasPrefix(line, "m=") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 4 || strings.HasPrefix(lines[0], "m=audio 0 ") || !strings.HasPrefix(lines[1], "m=video 0 ") ||
		!strings.HasPrefix(lines[2], "m=audio 0 ") || !strings.HasSuffix(lines[3], " RTP/AVP 8") {
		t.Errorf("answer is\n%s", m.body)
	}
}

func TestDialogsByTheBook(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly")
	c := dialRaw(t, r)
	if m := c.ask("OPTIONS", "", ""); m.status() != 200 || !strings.Contains(m.header.Get("Allow"), "INVITE") || !strings.Contains(m.header.Get("Accept"), "rs-metadata") {
		t.Errorf("OPTIONS: %s %v", m.start, m.header)
	}
	c.to = "<sip:srs@127.0.0.1>"
	m := c.ask("INVITE", sdp, offer)
	if !strings.Contains(m.header.Get("Contact"), "+sip.srs") || !strings.Contains(m.body, "a=recvonly") || m.header.Get("Content-Type") != "application/sdp" {
		t.Errorf("INVITE: %s\n%v\n%s", m.start, m.header, m.body)
	}
	twin := dialRaw(t, r)
	twin.id = c.id // the same call by another way
	if m := twin.ask("INVITE", sdp, offer); m.status() != 482 {
		t.Errorf("merged INVITE: %s", m.start)
	}
	if m := c.ask("INFO", "", ""); m.status() != 405 {
		t.Errorf("INFO: %s", m.start)
	}
	if m := c.ask("INVITE", sdp, "v=0\r\n"); m.status() != 488 {
		t.Errorf("re-INVITE without streams: %s", m.start)
	}
	if m := c.ask("UPDATE", "Content-Type: application/rs-metadata+xml\n", `<recording><participant participant_id="p"><nameID aor="tel:+15550142"/></participant></recording>`); m.status() != 200 {
		t.Errorf("UPDATE: %s", m.start)
	}
	if m := c.ask("INVITE", sdp, strings.ReplaceAll(offer, "sendonly", "inactive")); m.status() != 200 || !strings.Contains(m.body, "a=inactive") {
		t.Errorf("hold: %s\n%s", m.start, m.body)
	}
	c.send("CANCEL", "", "")
	if m := c.next(); m.status() != 481 && m.status() != 200 {
		t.Errorf("CANCEL of nothing: %s", m.start)
	}
	for i, want := range []int{200, 481} {
		if m := c.ask("BYE", "", ""); m.status() != want {
			t.Errorf("BYE %d: %s", i+1, m.start)
		}
	}
	if got := r.manifest(r.waitSealed()); got.Caller.Number != "+15550142" {
		t.Errorf("metadata of the UPDATE is lost: %+v", got.Caller)
	}
}

func TestAnswerIsRepeatedUntilAcknowledged(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	c.send("INVITE", sdp, offerOf("1 4000 sendonly"))
	first, second := c.next(), c.next()
	if first.status() != 200 || second.body != first.body {
		t.Errorf("first %s, then %s", first.start, second.start)
	}
	c.send("ACK", "", "")
	if m := c.ask("BYE", "", ""); m.status() != 200 || !strings.Contains(m.header.Get("CSeq"), "BYE") {
		t.Errorf("after ACK and BYE: %s %s", m.start, m.header.Get("CSeq"))
	}
}

func TestLimits(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxSessions, c.MaxCall = 1, 300*time.Millisecond })
	c := dialRaw(t, r)
	c.ask("INVITE", sdp, offerOf("1 4000 sendonly"))
	if m := dialRaw(t, r).ask("INVITE", sdp, offerOf("1 4000 sendonly")); m.status() != 503 || m.header.Get("Retry-After") == "" {
		t.Errorf("one call too many: %s", m.start)
	}
	if m := c.next(); !strings.HasPrefix(m.start, "BYE ") {
		t.Errorf("a call that is too long hears %q", m.start)
	}
	if m := r.manifest(r.waitSealed()); m.EndReason != EndMaxDuration {
		t.Errorf("end reason %q", m.EndReason)
	}
}

// TestNoRoom: a full disk and a port range that is used up refuse new calls, and say when to come again.
func TestNoRoom(t *testing.T) {
	full := newRig(t, func(c *Config) { c.MinFree = 1 << 60 })
	if m := dialRaw(t, full).ask("INVITE", sdp, offerOf("1 4000 sendonly")); m.status() != 503 || m.header.Get("Retry-After") == "" {
		t.Errorf("with a full disk: %s", m.start)
	}
	r := newRig(t, nil)
	var taken []*media.Port
	for r.server.media.Free() > 1 {
		p, err := r.server.media.Open(&Stream{})
		if errors.Is(err, media.ErrNoPort) { // others are in use by somebody else
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, p)
	}
	if m := dialRaw(t, r).ask("INVITE", sdp, offerOf("1 4000 sendonly", "2 4002 sendonly")); m.status() != 503 {
		t.Errorf("without ports: %s", m.start)
	}
	for _, p := range taken {
		p.Close()
	}
}

func TestStrangers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	udp, err := net.Dial("udp", r.addr("udp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	udp.Write([]byte("OPTIONS sip:x SIP/2.0\r\n\r\n"))
	tcp, err := net.Dial("tcp", r.addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	tcp.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := tcp.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a stranger was not disconnected")
	}
	waitFor(t, func() bool { return r.server.Counters.Strangers.Load() == 2 })
	if !strings.Contains(r.log.String(), "sip.allow") {
		t.Error("the log does not say what to do about it")
	}
}

func TestJunkOnTheSIPPorts(t *testing.T) {
	r := newRig(t, nil)
	conn, err := net.Dial("udp", r.addr("udp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := make([]byte, random.IntN(1400))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		conn.Write(b)
	}
	conn.Write([]byte("INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nContent-Length: 9000\r\n\r\nshort"))
	waitFor(t, func() bool { return r.server.Counters.Unparsable.Load() > 0 })
	tcp, err := net.Dial("tcp", r.addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	tcp.SetWriteDeadline(time.Now().Add(5 * time.Second))
	tcp.Write([]byte("INVITE sip:x SIP/2.0\r\nContent-Length: 300000\r\n\r\n"))
	tcp.Write(bytes.Repeat([]byte("x"), 300_000)) // longer than any message that is taken
	r.alive()
}
