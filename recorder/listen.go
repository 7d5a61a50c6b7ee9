package recorder

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// sipReadBuffer is asked of the kernel for a UDP listener: some hundred INVITEs of 4 KB, which come in bursts when a
// client fails over.
const sipReadBuffer = 2 << 20

// boundListener is a socket that SIP is taken on.
type boundListener struct {
	network string
	addr    net.Addr
	serve   func() error // returns when the socket is closed
	close   func() error
}

// bind binds one SIP listener. Nothing is read from it yet.
func (s *Server) bind(l Listen) (b boundListener, err error) {
	switch l.Network {
	case "udp":
		b, err = s.bindUDP(l.Address)
	case "tcp":
		b, err = s.bindTCP(l.Address)
	case "tls":
		b, err = s.bindTLS(l.Address)
	default:
		return b, fmt.Errorf("listen for SIP on %s: network %q is not udp, tcp or tls", l.Address, l.Network)
	}
	if err != nil {
		return b, fmt.Errorf("listen for SIP on %s %s: %w; is another program on this port? sip.listen chooses another", l.Network, l.Address, err)
	}
	return b, nil
}

func (s *Server) bindUDP(address string) (boundListener, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return boundListener{}, err
	}
	if err := conn.(*net.UDPConn).SetReadBuffer(sipReadBuffer); err != nil {
		s.log.Warn("set SIP read buffer", "error", err)
	}
	guarded := &guardedPacketConn{PacketConn: conn, allow: s.c.Allow, refused: s.refuseStranger}
	return boundListener{"udp", conn.LocalAddr(), func() error { return s.sip.ServeUDP(guarded) }, conn.Close}, nil
}

func (s *Server) bindTCP(address string) (boundListener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return boundListener{}, err
	}
	guarded := &guardedListener{Listener: ln, allow: s.c.Allow, refused: s.refuseStranger}
	return boundListener{"tcp", ln.Addr(), func() error { return s.sip.ServeTCP(guarded) }, ln.Close}, nil
}

// bindTLS binds a TCP listener whose connections are encrypted (RFC 3261, 26.2). Strangers are sent away before the handshake.
func (s *Server) bindTLS(address string) (boundListener, error) {
	if s.c.TLS == nil {
		return boundListener{}, errors.New("there is no certificate; sip.tls names one")
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return boundListener{}, err
	}
	secure := tls.NewListener(&guardedListener{Listener: ln, allow: s.c.Allow, refused: s.refuseStranger}, s.c.TLS)
	return boundListener{"tls", ln.Addr(), func() error { return s.sip.ServeTLS(secure) }, ln.Close}, nil
}

// serveAll reads from every listener until Close.
func (s *Server) serveAll() {
	for _, l := range s.listeners {
		s.serving.Go(func() { // ends when the socket is closed by Close
			if err := l.serve(); err != nil && !errors.Is(err, net.ErrClosed) {
				s.log.Error("serve SIP", "network", l.network, "error", err)
			}
		})
	}
}

// refuseStranger counts SIP from an address outside Config.Allow. The log names the address, since a client that
// was forgotten in the configuration is found by this line; it is told seldom, since a flood must not fill the log.
func (s *Server) refuseStranger(from net.Addr) {
	s.Counters.Strangers.Add(1)
	s.strangers.Do(func() {
		s.log.Warn("SIP from an address that may not send calls; sip.allow lists those that may", "from", from.String())
	})
}

// guardedPacketConn shows the stack only datagrams from addresses that may send calls: the stack keeps memory for each
// remote address it has seen, so strangers must not reach it.
type guardedPacketConn struct {
	net.PacketConn
	allow   []netip.Prefix
	refused func(net.Addr)
}

func (c *guardedPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		if allowed(c.allow, from) {
			return n, from, nil
		}
		c.refused(from)
	}
}

// guardedListener closes connections from addresses that may not send calls.
type guardedListener struct {
	net.Listener
	allow   []netip.Prefix
	refused func(net.Addr)
}

func (l *guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || allowed(l.allow, conn.RemoteAddr()) {
			return conn, err
		}
		l.refused(conn.RemoteAddr())
		conn.Close()
	}
}

func allowed(allow []netip.Prefix, from net.Addr) bool {
	ap, err := netip.ParseAddrPort(from.String())
	return err == nil && contains(allow, ap.Addr())
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
