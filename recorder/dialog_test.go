package recorder

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// silent says whether nothing comes for a while.
func (c *rawCall) silent(d time.Duration) bool {
	c.conn.SetReadDeadline(time.Now().Add(d))
	_, err := c.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// TestRepeatsOverUDP: a 2xx is repeated after T1, then after twice that, until the ACK (RFC 3261, 13.3.1.4).
func TestRepeatsOverUDP(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	c.send("INVITE", sdp, offerOf("1 4000 sendonly"))
	first := c.next()
	last := time.Now()
	for _, want := range []time.Duration{timerT1, 2 * timerT1} {
		m := c.next()
		if after := time.Since(last); m.status() != 200 || m.body != first.body || after < want-want/5 || after > 3*want {
			t.Errorf("%s came after %v, want the first answer after %v", m.start, after, want)
		}
		last = time.Now()
	}
	c.send("ACK", "", "")
	if !c.silent(4*timerT1 + timerT1/2) {
		t.Errorf("%s although it was acknowledged", c.next().start)
	}
	if m := c.ask("BYE", "", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
}

// TestOldAckDoesNotStopRepeats: an ACK belongs to the INVITE of its CSeq.
func TestOldAckDoesNotStopRepeats(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	c.ask("INVITE", sdp, offerOf("1 4000 sendonly"))
	old := c.request("ACK", "", "")
	c.send("INVITE", sdp, offerOf("1 4000 inactive"))
	first := c.next()
	c.write(old)
	if again := c.next(); again.body != first.body || again.status() != 200 {
		t.Errorf("%s\n%s", again.start, again.body)
	}
	c.send("ACK", "", "")
	if m := c.ask("BYE", "", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
}

func TestRepeatedInviteOpensOneSession(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	text := c.request("INVITE", sdp, offerOf("1 4000 sendonly"))
	for range 3 {
		c.write(text)
	}
	if m := c.next(); m.status() != 200 {
		t.Fatalf("INVITE: %s", m.start)
	}
	for range 3 {
		c.write(text)
	}
	c.send("ACK", "", "")
	if m := c.ask("BYE", "", ""); m.status() != 200 || !strings.HasSuffix(m.header.Get("CSeq"), "BYE") {
		t.Errorf("BYE: %s, CSeq %s", m.start, m.header.Get("CSeq"))
	}
	r.waitSealed()
	if n := r.server.Counters.Sessions.Load(); n != 1 {
		t.Errorf("%d sessions of one INVITE", n)
	}
}

func TestMergedInvite(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	text := c.request("INVITE", sdp, offerOf("1 4000 sendonly"))
	c.write(text)
	if m := c.next(); m.status() != 200 {
		t.Fatalf("INVITE: %s", m.start)
	}
	c.send("ACK", "", "")
	c.write(strings.Replace(text, "branch=z9hG4bK", "branch=z9hG4bKother", 1))
	if m := c.next(); m.status() != 482 {
		t.Errorf("merged INVITE: %s", m.start)
	}
	if n := r.server.Active(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestCancelAfterAnswer: a CANCEL that comes too late has no effect on the session (RFC 3261, 9.2).
func TestCancelAfterAnswer(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	text := c.request("INVITE", sdp, offerOf("1 4000 sendonly"))
	c.write(text)
	if m := c.next(); m.status() != 200 {
		t.Fatalf("INVITE: %s", m.start)
	}
	to := c.to
	c.send("ACK", "", "")
	head, _, _ := strings.Cut(text, "Contact:")
	c.write(strings.ReplaceAll(strings.Replace(head, "INVITE sip:", "CANCEL sip:", 1), " INVITE\r\n", " CANCEL\r\n") + "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
	if m := c.next(); m.status() != 200 || !strings.HasSuffix(m.header.Get("CSeq"), "CANCEL") {
		t.Errorf("CANCEL: %s, CSeq %s", m.start, m.header.Get("CSeq"))
	}
	c.to = to
	if m := c.ask("INVITE", sdp, offerOf("1 4000 sendonly")); m.status() != 200 {
		t.Errorf("re-INVITE after CANCEL: %s", m.start)
	}
	if m := c.ask("BYE", "", ""); m.status() != 200 {
		t.Errorf("BYE after CANCEL: %s", m.start)
	}
	if m := r.manifest(r.waitSealed()); m.EndReason != EndBye {
		t.Errorf("end reason %q", m.EndReason)
	}
}

func TestRequestsOfNoDialog(t *testing.T) {
	r := newRig(t, nil)
	for _, tag := range []string{"", ";tag=unknown", ";tag="} {
		for _, method := range []string{"BYE", "UPDATE", "CANCEL"} {
			c := dialRawUDP(t, r)
			c.to += tag
			if m := c.ask(method, "", ""); m.status() != 481 {
				t.Errorf("%s of no dialog, To%s: %s", method, tag, m.start)
			}
		}
	}
	c := dialRawUDP(t, r)
	c.to += ";tag=unknown"
	c.send("ACK", "", "")
	if m := c.ask("INVITE", sdp, offerOf("1 4000 sendonly")); m.status() != 481 {
		t.Errorf("re-INVITE of no dialog: %s", m.start)
	}
}

func TestReoffers(t *testing.T) {
	r := newRig(t, nil)
	c := dialRawUDP(t, r)
	var ports []int
	version, origin := 0, ""
	for _, step := range []struct {
		name, offer string
		open        []bool
	}{
		{"first", offerOf("1 4000 sendonly", "2 4002 sendonly"), []bool{true, true}},
		{"the same", offerOf("1 4000 sendonly", "2 4002 sendonly"), []bool{true, true}},
		{"a third stream", offerOf("1 4000 sendonly", "2 4002 sendonly", "3 4004 sendonly"), []bool{true, true, true}},
		{"one less", offerOf("1 4000 sendonly", "2 0 sendonly", "3 4004 sendonly"), []bool{true, false, true}},
		{"another codec", strings.ReplaceAll(offerOf("1 4000 sendonly", "2 0 sendonly", "3 4004 sendonly"), "AVP 0", "AVP 8"), []bool{true, false, true}},
		{"hold", offerOf("1 4000 inactive", "2 0 inactive", "3 4004 inactive"), []bool{true, false, true}},
	} {
		m := c.ask("INVITE", sdp, step.offer)
		got := answeredPorts(t, m)
		if len(got) != len(step.open) {
			t.Fatalf("%s: %d lines are answered, want %d:\n%s", step.name, len(got), len(step.open), m.body)
		}
		for i, open := range step.open {
			if (got[i] != 0) != open || open && i < len(ports) && ports[i] != got[i] {
				t.Errorf("%s: ports %v, before that %v, want open %v", step.name, got, ports, step.open)
			}
		}
		if codec := map[bool]string{true: "AVP 8", false: "AVP 0"}[step.name == "another codec"]; !strings.Contains(m.body, codec+"\r\n") {
			t.Errorf("%s: the answer has no %s:\n%s", step.name, codec, m.body)
		}
		if hold := strings.Count(m.body, "a=inactive"); hold != map[bool]int{true: 2, false: 0}[step.name == "hold"] {
			t.Errorf("%s: %d streams are on hold", step.name, hold)
		}
		var id string
		var next int
		if _, err := fmt.Sscanf(m.body[strings.Index(m.body, "o="):], "o=linewarden %s %d ", &id, &next); err != nil || next <= version || origin != "" && id != origin {
			t.Errorf("%s: version %d of %s after %d of %s, %v", step.name, next, id, version, origin, err)
		}
		ports, version, origin = got, next, id
	}
	c.ask("BYE", "", "")
	m := r.manifest(r.waitSealed())
	var labels []string
	for _, ch := range m.Channels {
		labels = append(labels, ch.Label)
	}
	if !slices.Equal(labels, []string{"1", "2", "3"}) {
		t.Errorf("channels of streams %v", labels)
	}
}

// TestRefusedReoffers: an offer that cannot be taken leaves the session as it was.
func TestRefusedReoffers(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	ports := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly")))
	for name, body := range map[string]string{
		"no SDP at all": "", "nonsense": "hello", "no streams": "v=0\r\n", "streams without end": offerOf(slices.Repeat([]string{"1 4000 sendonly"}, maxStreams+1)...),
	} {
		if m := c.ask("INVITE", sdp, body); m.status() != 488 || m.header.Get("Warning") == "" {
			t.Errorf("%s: %s, Warning %q", name, m.start, m.header.Get("Warning"))
		}
	}
	if got := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly"))); !slices.Equal(got, ports) {
		t.Errorf("ports %v, want %v still", got, ports)
	}
	if m := c.ask("BYE", "", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	if m := r.manifest(r.waitSealed()); len(m.Channels) != 1 || m.EndReason != EndBye {
		t.Errorf("%d channels, end reason %q", len(m.Channels), m.EndReason)
	}
}

// TestByeWithoutContact: a client that gave no Contact is told all the same that the session is over.
func TestByeWithoutContact(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxCall = 100 * time.Millisecond })
	c := dialRawUDP(t, r)
	c.write(without(c.request("INVITE", sdp, offerOf("1 4000 sendonly")), "Contact"))
	if m := c.next(); m.status() != 200 {
		t.Fatalf("INVITE: %s", m.start)
	}
	c.send("ACK", "", "")
	if m := c.next(); !strings.HasPrefix(m.start, "BYE sip:src@127.0.0.1") {
		t.Errorf("client is told %q, want BYE", m.start)
	}
	r.waitSealed()
}
