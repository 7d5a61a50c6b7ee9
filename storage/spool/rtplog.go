package spool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// The rtplog format: the packets of a session in the order of their arrival. Integers are little endian.
//
// The file begins with a header:
//
//	offset  size
//	     0     8  "LWRTPLOG"
//	     8     2  version, 1
//	    10     2  zero
//	    12     4  CRC-32C of offsets 0 to 11
//
// Records follow each other up to the end of the file:
//
//	offset  size
//	     0     4  CRC-32C of offset 4 to the end of the record
//	     4     2  n, size of the packet in bytes, 1 to 65535
//	     6     2  stream
//	     8     8  arrival in nanoseconds since 1970, signed
//	    16     1  kind: 1 RTP, 2 RTCP
//	    17     n  the packet as it came
//
// A crash may tear the last record, and a power cut may in addition lose pages of what was not yet synced. A reader
// therefore looks for the next whole record behind one that is not, over at most resyncWindow bytes. Where it finds none, the
// log ends.
const (
	logMagic   = "LWRTPLOG"
	logVersion = 1

	logHeader    = 16    // bytes
	recordHeader = 17    // bytes
	maxPacket    = 65535 // bytes: a UDP datagram is no bigger
	maxRecord    = recordHeader + maxPacket

	// resyncWindow in bytes. Several times what a call of two G.711 streams writes between two group commits, and so little
	// that even a window full of half-plausible records is searched in about a second.
	resyncWindow = 128 << 10
)

// Kind says what sort of packet a record holds.
type Kind uint8

// Kinds of packets.
const (
	KindRTP  Kind = 1
	KindRTCP Kind = 2
)

// Packet is a record of a packet log.
type Packet struct {
	Stream uint16
	Kind   Kind
	At     time.Time // of arrival
	Data   []byte    // valid only until the function that got it returns
}

// ErrLogVersion says that a packet log was written by a newer version.
var ErrLogVersion = errors.New("packet log has an unknown version")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// LogReport says how much of a packet log could be read.
type LogReport struct {
	Packets int64 // whole records
	Whole   int64 // bytes up to the end of the last whole record
	Damaged int64 // bytes between whole records, or of the header, that are none
	Torn    int64 // bytes behind the last whole record
}

// appendLogHeader appends the header of a log to b.
func appendLogHeader(b []byte) []byte {
	start := len(b)
	b = append(b, logMagic...)
	b = binary.LittleEndian.AppendUint16(b, logVersion)
	b = binary.LittleEndian.AppendUint16(b, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// appendRecord appends a record to b. The packet has 1 to maxPacket bytes.
func appendRecord(b []byte, stream uint16, kind Kind, at time.Time, packet []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(packet)))
	b = binary.LittleEndian.AppendUint16(b, stream)
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = append(b, byte(kind))
	b = append(b, packet...)
	binary.LittleEndian.PutUint32(b[start:], crc32.Checksum(b[start+4:], castagnoli))
	return b
}

// parseRecord reads the record at the start of b. Its size is 0 when there is none that is whole.
func parseRecord(b []byte) (p Packet, size int) {
	if len(b) < recordHeader {
		return Packet{}, 0
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	kind := Kind(b[16])
	if n == 0 || len(b)-recordHeader < n || kind != KindRTP && kind != KindRTCP {
		return Packet{}, 0
	}
	size = recordHeader + n
	if crc32.Checksum(b[4:size], castagnoli) != binary.LittleEndian.Uint32(b) {
		return Packet{}, 0
	}
	return Packet{
		Stream: binary.LittleEndian.Uint16(b[6:]),
		Kind:   kind,
		At:     time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))),
		Data:   b[recordHeader:size:size],
	}, size
}

// logReader walks over the records of a log with one buffer of fixed size.
type logReader struct {
	r      *bufio.Reader
	report LogReport
	skip   int64 // bytes since the last whole record
}

func newLogReader(r io.Reader) *logReader {
	return &logReader{r: bufio.NewReaderSize(r, resyncWindow+maxRecord)}
}

// header takes the header. One that is damaged is passed over: the records behind it are as good as they were.
func (l *logReader) header() error {
	b, err := l.r.Peek(logHeader)
	if err != nil {
		return l.ended(err)
	}
	if bytes.Equal(b, appendLogHeader(nil)) {
		l.take(logHeader)
		return nil
	}
	sum := crc32.Checksum(b[:12], castagnoli)
	if bytes.HasPrefix(b, []byte(logMagic)) && binary.LittleEndian.Uint32(b[12:]) == sum {
		return ErrLogVersion
	}
	l.skip += logHeader
	_, err = l.r.Discard(logHeader)
	return err
}

// next is the next whole record. Its data is valid until next is called again.
func (l *logReader) next() (Packet, error) {
	for {
		b, err := l.r.Peek(recordHeader)
		if err != nil {
			return Packet{}, l.ended(err)
		}
		n := int(binary.LittleEndian.Uint16(b[4:]))
		b, err = l.r.Peek(recordHeader + n)
		if err != nil && err != io.EOF {
			return Packet{}, err
		}
		if p, size := parseRecord(b); size > 0 {
			l.take(size)
			l.report.Packets++
			return p, nil
		}
		if err := l.resync(); err != nil {
			return Packet{}, l.ended(err)
		}
	}
}

// resync skips to the next whole record. It returns io.EOF when the window has none.
func (l *logReader) resync() error {
	b, err := l.r.Peek(resyncWindow + maxRecord)
	if err != nil && err != io.EOF {
		return err
	}
	for i := 1; i < min(len(b), resyncWindow); i++ {
		if _, size := parseRecord(b[i:]); size > 0 {
			l.skip += int64(i)
			_, err := l.r.Discard(i)
			return err
		}
	}
	return io.EOF
}

// take passes over size bytes that are whole. Peeked bytes stay valid, since Discard does not move them.
func (l *logReader) take(size int) {
	_, _ = l.r.Discard(size) // they have been peeked
	l.report.Damaged += l.skip
	l.report.Whole += l.skip + int64(size)
	l.skip = 0
}

// ended counts what is left when the records are.
func (l *logReader) ended(err error) error {
	if err != io.EOF {
		return err
	}
	rest, err := io.Copy(io.Discard, l.r)
	l.report.Torn = l.skip + rest
	l.skip = 0
	if err != nil {
		return err
	}
	return io.EOF
}

// ReadLog calls fn with every whole record of a packet log. Damage is reported and is no error.
func ReadLog(r io.Reader, fn func(Packet) error) (LogReport, error) {
	l := newLogReader(r)
	err := l.header()
	for err == nil {
		var p Packet
		if p, err = l.next(); err == nil {
			err = fn(p)
		}
	}
	if err == io.EOF {
		return l.report, nil
	}
	return l.report, fmt.Errorf("read packet log: %w", err)
}

// ValidateLog reads a packet log through and fails unless all of it is whole.
func ValidateLog(r io.Reader) error {
	report, err := ReadLog(r, func(Packet) error { return nil })
	if err != nil {
		return err
	}
	if report.Damaged > 0 || report.Torn > 0 {
		return fmt.Errorf("validate packet log: %d bytes damaged, %d torn at the end, after %d whole packets",
			report.Damaged, report.Torn, report.Packets)
	}
	if report.Whole == 0 {
		return errors.New("validate packet log: it has no header")
	}
	return nil
}

// DumpLog prints a line for every record, without what the packets say.
func DumpLog(w io.Writer, r io.Reader) error {
	report, err := ReadLog(r, func(p Packet) error {
		_, err := fmt.Fprintf(w, "%s stream %d kind %d %d bytes\n", p.At.UTC().Format(time.RFC3339Nano), p.Stream, p.Kind, len(p.Data))
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d packets, %d bytes whole, %d damaged, %d torn\n",
		report.Packets, report.Whole, report.Damaged, report.Torn)
	return err
}
