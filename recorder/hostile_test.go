package recorder

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// multipart is the line of a Content-Type for what withMetadata makes.
const multipart = "Content-Type: multipart/mixed;boundary=b\n"

// withMetadata is a body of an offer and a metadata document.
func withMetadata(offer, metadata string) string {
	return "--b\r\nContent-Type: application/sdp\r\n\r\n" + offer + "\r\n--b\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n" +
		metadata + "\r\n--b--\r\n"
}

func TestLongBodies(t *testing.T) {
	r := newRig(t, nil)
	for _, size := range []int{3000, 60_000} {
		body := withMetadata(offerOf("1 4000 sendonly"), "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"><!--"+strings.Repeat("x", size)+"--></recording>")
		for name, dial := range map[string]func(*testing.T, *rig) *rawCall{"udp": dialRawUDP, "tcp": dialRaw} {
			c := dial(t, r)
			if m := c.ask("INVITE", multipart, body); m.status() != 200 {
				t.Errorf("%d bytes over %s: %s", len(body), name, m.start)
			}
			c.ask("BYE", "", "")
			if m := r.manifest(r.waitSealed()); len(m.Oddities) != 0 {
				t.Errorf("%d bytes over %s: oddities %v", len(body), name, m.Oddities)
			}
		}
	}
}

func TestOddBodiesAreNoted(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly")
	for name, c := range map[string]struct{ header, body, oddity string }{
		"garbage":    {multipart, withMetadata(offer, "<recording <<<< &&&"), "SIPREC metadata that cannot be read"},
		"none":       {sdp, offer, "the INVITE carries no SIPREC metadata"},
		"wrong type": {"Content-Type: text/plain\n", offer, "a part has another type than it says"},
		"no type":    {"", offer, "the INVITE carries no SIPREC metadata"},
		"bad type":   {"Content-Type: ;;;\n", offer, "the Content-Type cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			call := dialRaw(t, r)
			if m := call.ask("INVITE", c.header, c.body); m.status() != 200 {
				t.Fatalf("INVITE: %s", m.start)
			}
			call.ask("BYE", "", "")
			if m := r.manifest(r.waitSealed()); !slices.Contains(m.Oddities, c.oddity) {
				t.Errorf("oddities %v, want %q", m.Oddities, c.oddity)
			}
		})
	}
}

func TestOnlyOpus(t *testing.T) {
	r := newRig(t, nil)
	opus := strings.ReplaceAll(offerOf("1 4000 sendonly"), "RTP/AVP 0\r\n", "RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n")
	m := dialRaw(t, r).ask("INVITE", sdp, opus)
	if m.status() != 488 || !strings.Contains(m.header.Get("Warning"), "PCMU") {
		t.Errorf("%s with Warning %q", m.start, m.header.Get("Warning"))
	}
	if n := r.server.Counters.RefusedBody.Load(); n != 1 {
		t.Errorf("%d refusals counted", n)
	}
}

// TestContentLength: over UDP a body that is cut off is refused, and what stands behind the body is passed over
// (RFC 3261, 18.3).
func TestContentLength(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly")
	whole := dialRawUDP(t, r)
	whole.write(whole.request("INVITE", sdp, offer) + "and more that nobody asked for")
	if m := whole.next(); m.status() != 200 {
		t.Errorf("more than the Content-Length: %s", m.start)
	}
	whole.send("ACK", "", "")
	cut := dialRawUDP(t, r)
	text := cut.request("INVITE", sdp, offer)
	cut.write(text[:len(text)-20])
	waitFor(t, func() bool { return r.server.Counters.Unparsable.Load() == 1 })
	if !strings.Contains(r.log.String(), "does not parse") {
		t.Error("the log does not tell of a message that does not parse")
	}
	if n := r.server.Active(); n != 1 {
		t.Errorf("%d sessions, want the whole one only", n)
	}
}

// TestEndlessMessages: a connection on which no message can end is closed.
func TestEndlessMessages(t *testing.T) {
	r := newRig(t, nil)
	long := bytes.Repeat([]byte("x"), 300_000)
	for name, text := range map[string]string{
		"body":             "INVITE sip:x SIP/2.0\r\nContent-Length: 300000\r\n\r\n" + string(long),
		"announced only":   "INVITE sip:x SIP/2.0\r\nContent-Length: 300000\r\n\r\n",
		"first line":       string(long),
		"header":           "INVITE sip:x SIP/2.0\r\nSubject: " + string(long),
		"many headers":     "INVITE sip:x SIP/2.0\r\n" + strings.Repeat("A: b\r\n", 60_000),
		"length too large": "INVITE sip:x SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"negative length":  "INVITE sip:x SIP/2.0\r\nContent-Length: -5\r\n\r\n",
		"no length":        "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n\r\n",
		"TLS":              "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n",
		"HTTP":             "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", r.addr("tcp").String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			io.WriteString(conn, text) // fails when the server has had enough before its end
			_, err = io.Copy(io.Discard, conn)
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Error("the connection was not closed")
			}
		})
	}
	r.alive()
}

func TestIncompleteRequests(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly")
	for name, want := range map[string]int{"Call-ID": 400, "From": 400, "To": 400, "CSeq": 400, "Contact": 200, "Max-Forwards": 200, "Require": 200} {
		t.Run("no "+name, func(t *testing.T) {
			c := dialRawUDP(t, r)
			c.write(without(c.request("INVITE", sdp, offer), name))
			if m := c.next(); m.status() != want {
				t.Errorf("%s, want %d", m.start, want)
			}
			c.send("ACK", "", "")
		})
	}
	c := dialRawUDP(t, r)
	c.write(strings.Replace(c.request("INVITE", sdp, offer), ";tag=a", "", 1)) // as in RFC 2543
	if m := c.next(); m.status() != 200 {
		t.Errorf("no From tag: %s", m.start)
	}
	c.write(strings.Replace(c.request("ACK", "", ""), ";tag=a", "", 1))
	c.write(strings.Replace(c.request("BYE", "", ""), ";tag=a", "", 1))
	if m := c.next(); m.status() != 200 {
		t.Errorf("BYE without From tag: %s", m.start)
	}
	r.waitSealed()
	r.alive()
}

// without is a message less one header line.
func without(text, name string) string {
	before, rest, _ := strings.Cut(text, "\r\n"+name+":")
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + "\r\n" + after
}

// TestMangledRequests sends requests that are right but for some bytes, which get further than noise does.
func TestMangledRequests(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxSessions = 5 })
	c := dialRawUDP(t, r)
	random := rand.New(rand.NewPCG(3, 4))
	body := withMetadata(offerOf("1 4000 sendonly", "2 4002 sendonly"), `<recording><participant participant_id="p"><nameID aor="tel:+15550142"/></participant></recording>`)
	methods := []string{"INVITE", "INVITE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO", "NONSENSE"}
	for i := range 3000 {
		if i%2 == 0 {
			c.id = "mangled-" + string(rune('a'+random.IntN(26)))
		}
		text := []byte(c.request(methods[random.IntN(len(methods))], multipart+"Session-Expires: 90\nSupported: timer\n", body))
		if random.IntN(4) == 0 {
			text = append([]byte("SIP/2.0 200 OK"), text[bytes.IndexByte(text, '\r'):]...)
		}
		c.conn.Write(mangle(random, text))
	}
	waitFor(t, func() bool { return r.server.Counters.Unparsable.Load() > 0 })
	r.server.Drain(t.Context())
	if n := r.server.Active(); n != 0 {
		t.Errorf("%d sessions do not end", n)
	}
}

// mangle changes a message in one of the ways that messages go wrong.
func mangle(random *rand.Rand, text []byte) []byte {
	lines := bytes.Split(text, []byte("\r\n"))
	at := random.IntN(min(len(lines), 12))
	switch random.IntN(6) {
	case 0:
		lines = slices.Delete(lines, at, at+1)
	case 1:
		lines[at] = lines[at][:random.IntN(len(lines[at])+1)]
	case 2:
		lines = slices.Insert(lines, at, lines[random.IntN(len(lines))])
	case 3:
		name, _, _ := bytes.Cut(lines[at], []byte(":"))
		lines[at] = append(slices.Clone(name), ':')
	case 4:
		lines[at] = bytes.Map(func(c rune) rune {
			if random.IntN(8) == 0 {
				return rune(`;:<>"@=,*% `[random.IntN(11)])
			}
			return c
		}, lines[at])
	default:
		for range 3 {
			text[random.IntN(len(text))] = byte(random.Uint32())
		}
		return text
	}
	return bytes.Join(lines, []byte("\r\n"))
}
