package recorder

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSessionTimer(t *testing.T) {
	r := newRig(t, nil)
	offer := offerOf("1 4000 sendonly", "2 4002 sendonly")
	for header, want := range map[string]string{
		"Session-Expires: 1800\nSupported: timer\n":               "1800;refresher=uac",
		"Session-Expires: 90;refresher=uac\nSupported: timer\n":   "90;refresher=uac",
		"x: 120\nSupported: timer\n":                              "120;refresher=uac",
		"Session-Expires: 1800;refresher=uas\nSupported: timer\n": "",
		"Session-Expires: 1800\n":                                 "",
		"":                                                        "",
	} {
		m := dialRaw(t, r).ask("INVITE", header+sdp, offer)
		if got := m.header.Get("Session-Expires"); m.status() != 200 || got != want {
			t.Errorf("%q: %s with %q, want %q", header, m.start, got, want)
		}
	}
	m := dialRaw(t, r).ask("INVITE", "Session-Expires: 30\nSupported: timer\n"+sdp, offer)
	if m.status() != 422 || m.header.Get("Min-SE") != "90" {
		t.Errorf("too small: %s, Min-SE %q", m.start, m.header.Get("Min-SE"))
	}
}

// TestSessionThatIsNotRefreshed brings the moment nearer in which the client should have refreshed.
func TestSessionThatIsNotRefreshed(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	c.ask("INVITE", "Session-Expires: 90\nSupported: timer\n"+sdp, offerOf("1 4000 sendonly"))
	r.server.snapshot()[0].expires.Reset(0)
	if m := c.next(); !strings.HasPrefix(m.start, "BYE ") {
		t.Errorf("client is told %q, want BYE", m.start)
	}
	if m := r.manifest(r.waitSealed()); m.EndReason != EndExpired {
		t.Errorf("end reason %q", m.EndReason)
	}
}

func TestAlarmForSilentStreams(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	ports := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly", "2 4002 sendonly", "3 4004 inactive")))
	conn, err := net.Dial("udp", "127.0.0.1:"+strconv.Itoa(ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 160)...))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 })
	r.server.snapshot()[0].early.Reset(0)
	waitFor(t, func() bool { return r.server.Counters.NoMedia.Load() == 1 })
	if !strings.Contains(r.log.String(), "no RTP on a stream") {
		t.Error("the log does not say so")
	}
}

func TestStreamComesBackInItsChannel(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	first := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly", "2 4002 sendonly")))
	held := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 0 sendonly", "2 4002 sendonly")))
	if held[0] != 0 || held[1] != first[1] {
		t.Errorf("on hold the ports are %v, after %v", held, first)
	}
	back := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly", "2 4002 sendonly")))
	if back[0] == 0 || back[1] != first[1] {
		t.Errorf("after the hold the ports are %v", back)
	}
	if m := c.ask("BYE", "", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	if m := r.manifest(r.waitSealed()); len(m.Channels) != 2 || m.Channels[0].Label != "1" || m.Channels[1].Label != "2" {
		t.Errorf("channels %+v", m.Channels)
	}
}

// TestRealOffers records what real clients offer, where their messages are at hand.
func TestRealOffers(t *testing.T) {
	root := os.Getenv("FIXTURES")
	if root == "" {
		t.Skip("FIXTURES is not set")
	}
	r := newRig(t, nil)
	for name, want := range map[string]struct{ channels, participants int }{
		"acme-siprec-offer.txt": {2, 2}, "broadworks-offer.txt": {1, 0}, "cisco-siprec-offer.txt": {2, 2},
		"sonus-siprec-offer.txt": {2, 2}, "connectel-offer.txt": {2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(root, "siprec", "drachtio", name))
			if err != nil {
				t.Fatal(err)
			}
			boundary, _, _ := strings.Cut(strings.TrimLeft(string(body), " \r\n-"), "\n")
			c := dialRaw(t, r)
			m := c.ask("INVITE", "Content-Type: multipart/mixed;boundary="+strings.TrimSpace(boundary)+"\n", string(body))
			for i, port := range answeredPorts(t, m) {
				conn, err := net.Dial("udp", "127.0.0.1:"+strconv.Itoa(port))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Write(append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, byte(i)}, make([]byte, 160)...))
			}
			time.Sleep(50 * time.Millisecond) // the datagrams are in the kernel before the BYE is
			c.ask("BYE", "", "")
			got := r.manifest(r.waitSealed())
			if len(got.Channels) != want.channels || len(got.Participants) != want.participants {
				t.Errorf("%d channels and %d participants, want %d and %d", len(got.Channels), len(got.Participants), want.channels, want.participants)
			}
			for _, ch := range got.Channels {
				if ch.Packets != 1 {
					t.Errorf("channel %d has %d packets", ch.Index, ch.Packets)
				}
			}
		})
	}
}
