package recorder

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rawCall is a SIP dialog that is written by hand, to say what no proper client says.
type rawCall struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	id   string
	to   string // our peer's To, with its tag once it has given one
	cseq int

	transport string // in Via; "" is TCP
}

// message is a SIP message as it came.
type message struct {
	start  string // first line
	header textproto.MIMEHeader
	body   string
}

// status of a response; 0 for a request.
func (m message) status() int {
	fields := strings.Fields(m.start)
	if len(fields) < 2 || fields[0] != "SIP/2.0" {
		return 0
	}
	n, _ := strconv.Atoi(fields[1])
	return n
}

func dialRaw(t *testing.T, r *rig) *rawCall {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr("tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawCall{t: t, conn: conn, in: bufio.NewReader(conn), id: fmt.Sprintf("raw-%d", time.Now().UnixNano()), to: "<sip:srs@127.0.0.1>"}
}

// dialRawUDP is dialRaw over UDP. An answer must come from where the request went.
func dialRawUDP(t *testing.T, r *rig) *rawCall {
	t.Helper()
	conn, err := net.Dial("udp", r.addr("udp").String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawCall{
		t: t, conn: conn, in: bufio.NewReaderSize(conn, maxDatagram), transport: "UDP",
		id: fmt.Sprintf("raw-%d", time.Now().UnixNano()), to: "<sip:srs@127.0.0.1>",
	}
}

// send writes a request of the dialog. Header lines end with a line feed.
func (c *rawCall) send(method, header, body string) {
	c.t.Helper()
	c.write(c.request(method, header, body))
}

func (c *rawCall) write(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// request is the text of the dialog's next request.
func (c *rawCall) request(method, header, body string) string {
	if method != "ACK" {
		c.cseq++
	}
	local, transport := c.conn.LocalAddr().String(), "TCP"
	if c.transport != "" {
		transport = c.transport
	}
	text := fmt.Sprintf("%s sip:srs@127.0.0.1 SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s.%s.%d\nFrom: <sip:src@127.0.0.1>;tag=a\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n"+
		"Contact: <sip:src@%s;transport=%s>;+sip.src\nMax-Forwards: 70\nRequire: siprec\n%sContent-Length: %d\n\n",
		method, transport, local, c.id, method, c.cseq, c.to, c.id, c.cseq, method, local, transport, header, len(body))
	return strings.ReplaceAll(text, "\n", "\r\n") + body
}

// next reads the next message but 100 Trying.
func (c *rawCall) next() message {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		text := textproto.NewReader(c.in)
		start, err := text.ReadLine()
		if err != nil {
			c.t.Fatalf("no answer: %v", err)
		}
		header, err := text.ReadMIMEHeader()
		if err != nil {
			c.t.Fatal(err)
		}
		n, _ := strconv.Atoi(header.Get("Content-Length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(c.in, body); err != nil {
			c.t.Fatal(err)
		}
		m := message{start, header, string(body)}
		if m.status() == 100 {
			continue
		}
		if m.status() > 0 {
			c.to = header.Get("To")
		}
		return m
	}
}

// ask sends a request and reads its answer. A 2xx to an INVITE is acknowledged.
func (c *rawCall) ask(method, header, body string) message {
	c.t.Helper()
	c.send(method, header, body)
	m := c.next()
	if method == "INVITE" {
		c.send("ACK", "", "")
	}
	return m
}

// sdp is the line of a Content-Type for a body that is SDP alone.
const sdp = "Content-Type: application/sdp\n"

// offerOf is an offer with a line for each argument, "label port direction".
func offerOf(lines ...string) string {
	text := "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
	for _, l := range lines {
		f := strings.Fields(l)
		text += "m=audio " + f[1] + " RTP/AVP 0\na=label:" + f[0] + "\na=" + f[2] + "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// answeredPorts are the ports of an answer's lines.
func answeredPorts(t *testing.T, m message) []int {
	t.Helper()
	if m.status() != 200 {
		t.Fatalf("answer is %s", m.start)
	}
	var ports []int
	for line := range strings.Lines(m.body) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "m=audio" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			ports = append(ports, n)
		}
	}
	return ports
}
