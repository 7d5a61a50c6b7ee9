package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"
)

// pcapPacket is a UDP datagram in a capture file.
type pcapPacket struct {
	at       time.Duration // since the first packet
	src, dst uint16        // ports
	payload  []byte
}

// writePCAP writes a capture file with Ethernet frames, as SIPp's play_pcap_audio reads them (libpcap file format, 2.4).
func writePCAP(t *testing.T, name string, packets []pcapPacket) {
	t.Helper()
	var b bytes.Buffer
	le := binary.LittleEndian
	header := make([]byte, 24)
	le.PutUint32(header[0:], 0xa1b2c3d4)
	le.PutUint16(header[4:], 2)
	le.PutUint16(header[6:], 4)
	le.PutUint32(header[16:], 65535) // snap length
	le.PutUint32(header[20:], 1)     // Ethernet
	b.Write(header)
	for _, p := range packets {
		frame := udpFrame(p)
		record := make([]byte, 16)
		le.PutUint32(record[0:], uint32(p.at/time.Second))
		le.PutUint32(record[4:], uint32(p.at%time.Second/time.Microsecond))
		le.PutUint32(record[8:], uint32(len(frame)))
		le.PutUint32(record[12:], uint32(len(frame)))
		b.Write(record)
		b.Write(frame)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// udpFrame wraps a payload in UDP, IPv4 and Ethernet headers. The addresses do not matter: SIPp sets its own.
func udpFrame(p pcapPacket) []byte {
	be := binary.BigEndian
	frame := make([]byte, 14+20+8, 14+20+8+len(p.payload))
	be.PutUint16(frame[12:], 0x0800)
	ip := frame[14:]
	ip[0] = 0x45
	be.PutUint16(ip[2:], uint16(20+8+len(p.payload)))
	ip[8], ip[9] = 64, 17
	copy(ip[12:], []byte{127, 0, 0, 1, 127, 0, 0, 1})
	udp := ip[20:]
	be.PutUint16(udp[0:], p.src)
	be.PutUint16(udp[2:], p.dst)
	be.PutUint16(udp[4:], uint16(8+len(p.payload)))
	return append(frame, p.payload...)
}

// rtpPackets cuts audio into RTP packets of 20 ms at 8 kHz (RFC 3550, 5.1).
func rtpPackets(audio []byte, payloadType byte, ssrc uint32, seq uint16, timestamp uint32) [][]byte {
	const samples = 160
	var packets [][]byte
	for off := 0; off+samples <= len(audio); off += samples {
		p := make([]byte, 12, 12+samples)
		p[0], p[1] = 0x80, payloadType
		binary.BigEndian.PutUint16(p[2:], seq)
		binary.BigEndian.PutUint32(p[4:], timestamp)
		binary.BigEndian.PutUint32(p[8:], ssrc)
		packets = append(packets, append(p, audio[off:off+samples]...))
		seq++
		timestamp += samples
	}
	return packets
}
