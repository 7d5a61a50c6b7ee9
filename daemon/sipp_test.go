package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sippCall is a call that SIPp makes: one capture file for each order of the answered ports.
type sippCall struct {
	scenario string
	network  string // udp or tcp
	ticket   string
	legs     [2][]byte // µ-law
	keep     time.Duration
}

// runSIPp plays the scenario against the daemon. SIPp sends captured packets through raw sockets, which needs root.
func runSIPp(t *testing.T, p *process, c sippCall) {
	t.Helper()
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Fatal("sipp is not installed: run \"make tools\", or install the package sip-tester")
	}
	dir := t.TempDir()
	source, err := os.ReadFile(filepath.Join("testdata", "sipp", c.scenario))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scenario.xml"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	writePCAP(t, filepath.Join(dir, "up.pcap"), capture(c.legs, 2))
	writePCAP(t, filepath.Join(dir, "down.pcap"), capture(c.legs, -2))
	length := time.Duration(len(c.legs[0])/8)*time.Millisecond + c.keep
	mode := map[string]string{"udp": "u1", "tcp": "t1"}[c.network]
	cmd := exec.Command("sipp", p.sip[c.network].String(), "-sf", "scenario.xml", "-m", "1", "-t", mode,
		"-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", strconv.Itoa(24000+rand.IntN(2000)*2),
		"-key", "ticket", c.ticket, "-d", strconv.FormatInt(length.Milliseconds(), 10),
		"-nostdin", "-timeout", "60", "-timeout_error", "-trace_err", "-error_file", "errors.log")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		errs, _ := os.ReadFile(filepath.Join(dir, "errors.log"))
		t.Fatalf("sipp: %v\n%s\n%s", err, out, errs)
	}
}

// capture lays both legs into one capture file. SIPp sends each packet to the answered port of the first stream plus the
// packet's port less the lowest port in the file, modulo 65,536: delta is where the second stream's port lies.
func capture(legs [2][]byte, delta int) []pcapPacket {
	const lowest = 1
	ports := [2]uint16{lowest, uint16(lowest + delta)}
	var packets []pcapPacket
	streams := [2][][]byte{
		rtpPackets(legs[0], 0, 0x11111111, 65500, 0xffffff00), // both counters wrap during the call
		rtpPackets(legs[1], 0, 0x22222222, 7, 4711),
	}
	for i := range streams[0] {
		for leg, stream := range streams {
			packets = append(packets, pcapPacket{
				at: time.Duration(i) * 20 * time.Millisecond, src: ports[leg], dst: ports[leg], payload: stream[i],
			})
		}
	}
	return packets
}

// noise is audio in which every 20 ms differ from all others, so that a misplaced packet cannot go unseen.
func noise(seed uint64, d time.Duration) []byte {
	r := rand.New(rand.NewPCG(seed, seed))
	b := make([]byte, d.Milliseconds()*8)
	for i := range b {
		b[i] = byte(r.UintN(255)) // never 0xFF, which is silence
	}
	return b
}

// channelsOf takes a µ-law WAV file apart.
func channelsOf(t *testing.T, wav []byte) [2][]byte {
	t.Helper()
	var format, channels uint16
	for off := 12; off+8 <= len(wav); {
		id, size := string(wav[off:off+4]), int(binary.LittleEndian.Uint32(wav[off+4:]))
		body := wav[off+8 : min(off+8+size, len(wav))]
		switch id {
		case "fmt ":
			format, channels = binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
		case "data":
			if format != 7 || channels != 2 {
				t.Fatalf("WAV has format %d and %d channels, want µ-law (7) and 2", format, channels)
			}
			var out [2][]byte
			for i, b := range body {
				out[i%2] = append(out[i%2], b)
			}
			return out
		}
		off += 8 + size + size%2
	}
	t.Fatal("WAV has no data")
	return [2][]byte{}
}

// samePlace finds sent in a channel and says at which sample; everything around it must be silence.
func samePlace(t *testing.T, leg int, channel, sent []byte) int {
	t.Helper()
	at := bytes.Index(channel, sent)
	if at < 0 {
		t.Fatalf("leg %d: the %d samples sent are not in the %d recorded%s", leg, len(sent), len(channel), firstDifference(channel, sent))
	}
	for i, b := range channel {
		if (i < at || i >= at+len(sent)) && b != 0xff {
			t.Fatalf("leg %d: sample %d outside the audio is %#x, want silence", leg, i, b)
		}
	}
	return at
}

// firstDifference says how far the recording follows what was sent.
func firstDifference(channel, sent []byte) string {
	at := bytes.Index(channel, sent[:min(len(sent), 160)])
	if at < 0 {
		return "; not even the first packet"
	}
	for i, b := range sent {
		if at+i >= len(channel) || channel[at+i] != b {
			return fmt.Sprintf("; they part at sample %d, packet %d", i, i/160)
		}
	}
	return ""
}

// maxSkew is how far apart, in samples, the two legs of one call may be placed although they were sent together: SIPp
// sends them one after the other, on a machine that does other things too.
const maxSkew = 8 * 60

func TestSIPpCallIsStoredSampleBySample(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, 4) // so that the streams' ports are two apart
			call := sippCall{
				scenario: "siprec.xml", network: network, ticket: "SIPP-" + network,
				legs: [2][]byte{noise(1, 4*time.Second), noise(2, 4*time.Second)}, keep: 500 * time.Millisecond,
			}
			runSIPp(t, p, call)
			found := p.waitStored(call.ticket, 1)
			if r := found[0]; r.Channels != 2 || r.Caller != "+15550142" || r.Callee != "+15550199" {
				t.Errorf("recording has %d channels, caller %q, callee %q", r.Channels, r.Caller, r.Callee)
			}
			channels := channelsOf(t, p.audio(found[0].ID))
			first := samePlace(t, 0, channels[0], call.legs[0])
			second := samePlace(t, 1, channels[1], call.legs[1])
			if skew := first - second; skew > maxSkew || skew < -maxSkew {
				t.Errorf("legs sent together lie %d samples apart", skew)
			}
			for _, word := range []string{"15550142", "15550199", "Ann", call.ticket} {
				if strings.Contains(p.logged(), word) {
					t.Errorf("the log holds %q", word)
				}
			}
		})
	}
}
