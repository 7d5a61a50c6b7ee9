package recorder

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"linewarden/storage/spool"
)

// voicePacket is an RTP packet of 20 ms whose number says what is in it.
func voicePacket(pt byte, n int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x80, pt}, uint16(n))
	b = binary.BigEndian.AppendUint32(b, uint32(160*n))
	b = append(b, 0, 0, 0, 9)
	for i := range 160 {
		b = append(b, byte(n*7+i))
	}
	return b
}

// mediaFrom opens a socket at an address on loopback that sends to a port.
func mediaFrom(t *testing.T, from string, port int) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}).Dial("udp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// mediaLog is an entry's packet log as it lies on the disk.
func mediaLog(t *testing.T, e *spool.Entry) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(e.Dir(), "media.rtplog"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAudioAmongJunk: what comes between the packets of a call changes not a bit of its audio.
func TestAudioAmongJunk(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	port := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly")))[0]
	right, foreign := mediaFrom(t, "127.0.0.1", port), mediaFrom(t, "127.0.0.2", port)
	junk := [][]byte{
		{}, {1}, bytes.Repeat([]byte{0x31}, 2048), {0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
		{0x9f, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9},                   // CSRC list behind the end
		{0x90, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0xff, 0xff}, // extension behind the end
		{0xa0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 1, 200},           // more padding than payload
	}
	var said []byte
	const packets = 40
	for n := range packets {
		b := voicePacket(0, n)
		right.Write(b)
		said = append(said, b[12:]...)
		if n == 0 {
			waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 }) // before anybody else
		}
		right.Write(junk[n%len(junk)])
		foreign.Write(voicePacket(0, n+1))
	}
	waitFor(t, func() bool {
		return r.server.Counters.Packets.Load() == packets && r.server.Counters.Foreign.Load() == packets
	})
	c.ask("BYE", "", "")
	e := r.waitSealed()
	wav, err := os.ReadFile(filepath.Join(e.Dir(), partAudio)) // one stream, so one channel
	if err != nil || !bytes.Contains(wav, said) {
		t.Errorf("the audio is not bit-exact, %v", err)
	}
	ch := r.manifest(e).Channels[0]
	if ch.Packets != packets || ch.Foreign != packets || ch.Junk < packets/2 || ch.Lost != 0 {
		t.Errorf("channel %+v", ch)
	}
}

// TestDigitsAreNeverWritten sends digits in every way that clients have found.
func TestDigitsAreNeverWritten(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	withEvents := func(pts ...string) string {
		offer := offerOf("1 4000 sendonly")
		for _, pt := range pts {
			offer = strings.Replace(offer, "RTP/AVP 0", "RTP/AVP 0 "+pt, 1) + "a=rtpmap:" + pt + " telephone-event/8000\r\n"
		}
		return offer
	}
	port := answeredPorts(t, c.ask("INVITE", sdp, withEvents("101", "90")))[0]
	rtpPort, rtcpPort := mediaFrom(t, "127.0.0.1", port), mediaFrom(t, "127.0.0.1", port+1)
	digit := func(first, second byte, payload string) []byte {
		return append([]byte{first, second, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9}, payload...)
	}
	count := func(n int64) {
		t.Helper()
		waitFor(t, func() bool { return r.server.Counters.Packets.Load() == n })
	}
	rtpPort.Write(digit(0x80, 101, "digit-a"))
	rtpPort.Write(digit(0x80, 0x80|101, "digit-b"))
	rtpPort.Write(digit(0x80, 0x80|90, "digit-c")) // looks like RTCP, and is dropped
	rtpPort.Write(digit(0xa0, 101, "digit-d\x00\x00\x03"))
	rtpPort.Write(digit(0x80, 110, "di-e")) // never announced
	count(4)
	rtcpPort.Write(digit(0x80, 101, "digit-f"))
	waitFor(t, func() bool { return r.server.Counters.Junk.Load() == 2 })
	c.ask("INVITE", sdp, withEvents()) // digits are under way when the client takes its word back
	rtpPort.Write(digit(0x80, 101, "digit-g"))
	count(5)
	c.ask("BYE", "", "")
	e := r.waitSealed()
	log := mediaLog(t, e)
	if bytes.Contains(log, []byte("digit")) || bytes.Contains(log, []byte("di-e")) {
		t.Errorf("a digit is on the disk: %q", log)
	}
	if err := e.Packets(func(p spool.Packet) error {
		if p.Kind != spool.KindRTP || len(p.Data) != 12 {
			t.Errorf("a digit left kind %v with %d bytes, want its RTP header", p.Kind, len(p.Data))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestControlIsKept: RTCP is written as such, from its own port and from one that it shares.
func TestControlIsKept(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	port := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly")))[0]
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 9}
	mediaFrom(t, "127.0.0.1", port+1).Write(report)
	rtpPort := mediaFrom(t, "127.0.0.1", port)
	rtpPort.Write(report)
	rtpPort.Write(voicePacket(0, 1))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 })
	c.ask("BYE", "", "")
	kinds := map[spool.Kind]int{}
	if err := r.waitSealed().Packets(func(p spool.Packet) error { kinds[p.Kind]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if kinds[spool.KindRTP] != 1 || kinds[spool.KindRTCP] != 2 {
		t.Errorf("packets by kind: %v", kinds)
	}
}

// TestAnotherSourceIsLeft: a source that was followed for want of the right one is left when the right one speaks.
func TestAnotherSourceIsLeft(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	port := answeredPorts(t, c.ask("INVITE", sdp, offerOf("1 4000 sendonly")))[0]
	other, right := mediaFrom(t, "127.0.0.2", port), mediaFrom(t, "127.0.0.1", port)
	other.Write(voicePacket(0, 1))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 })
	right.Write(voicePacket(0, 2))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 2 })
	other.Write(voicePacket(0, 3))
	waitFor(t, func() bool { return r.server.Counters.Foreign.Load() == 1 })
	c.ask("BYE", "", "")
	m := r.manifest(r.waitSealed())
	if m.Channels[0].Packets != 2 || m.Channels[0].Foreign != 1 || !strings.Contains(strings.Join(m.Oddities, "; "), "another address") {
		t.Errorf("channel %+v, oddities %v", m.Channels[0], m.Oddities)
	}
}

func TestJunkAndStrangersOnTheMediaPorts(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	offer := offerOf("1 4000 sendonly")
	offer = strings.Replace(offer, "RTP/AVP 0\r\n", "RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", 1)
	port := answeredPorts(t, c.ask("INVITE", sdp, offer))[0]
	to := "127.0.0.1:" + strconv.Itoa(port)
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stranger, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	voice := func(seq byte, fill byte) []byte {
		return append([]byte{0x80, 0, 0, seq, 0, 0, 0, 160 * (seq - 1), 0, 0, 0, 1}, bytes.Repeat([]byte{fill}, 160)...)
	}
	conn.Write(voice(1, 0x11))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 })
	stranger.Write(voice(2, 0x22))
	for _, junk := range [][]byte{{}, {1}, bytes.Repeat([]byte{7}, 2000), {0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}} {
		conn.Write(junk)
	}
	digit := []byte("a digit that nobody may keep")
	conn.Write(append([]byte{0x80, 101, 0, 2, 0, 0, 0, 160, 0, 0, 0, 1}, digit...))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 2 && r.server.Counters.Foreign.Load() == 1 })
	c.ask("BYE", "", "")
	e := r.waitSealed()
	m := r.manifest(e)
	if ch := m.Channels[0]; ch.Foreign != 1 || ch.Junk < 3 {
		t.Errorf("channel %+v", ch)
	}
	wav, err := os.ReadFile(filepath.Join(e.Dir(), partAudio))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(wav, bytes.Repeat([]byte{0x11}, 160)) || bytes.Contains(wav, []byte{0x22, 0x22}) {
		t.Error("the audio is not what was said by whom it was said")
	}
	log, err := os.ReadFile(filepath.Join(e.Dir(), "media.rtplog"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log, digit) {
		t.Error("a digit was written to the disk")
	}
	r.alive()
}

// TestMediaFromElsewhere: NAT and media relays send from addresses that no offer names.
func TestMediaFromElsewhere(t *testing.T) {
	r := newRig(t, nil)
	c := dialRaw(t, r)
	port := answeredPorts(t, c.ask("INVITE", sdp, strings.Replace(offerOf("1 4000 sendonly"), "c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.77", 1)))[0]
	conn, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}}).Dial("udp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 160)...))
	waitFor(t, func() bool { return r.server.Counters.Packets.Load() == 1 })
	c.ask("BYE", "", "")
	m := r.manifest(r.waitSealed())
	if m.Channels[0].Packets != 1 || !strings.Contains(strings.Join(m.Oddities, "; "), "another address") {
		t.Errorf("channel %+v, oddities %v", m.Channels[0], m.Oddities)
	}
}
