package media

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

var errInUse = errors.New("port is in use")

// socket is a UDP socket outside Go's poller.
type socket struct {
	fd   int
	lost uint32 // Packets the kernel has dropped here, as last heard.
}

// listen binds a socket and asks for what the sweep wants to know about each packet.
func listen(address netip.Addr, port uint16) (fd int, err error) {
	family := unix.AF_INET6
	var name unix.Sockaddr = &unix.SockaddrInet6{Port: int(port), Addr: address.As16()}
	if address.Is4() {
		family = unix.AF_INET
		name = &unix.SockaddrInet4{Port: int(port), Addr: address.As4()}
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("create media socket: %w", err)
	}
	// Before bind, so that not even the first packet comes without.
	options := []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1},
	}
	if family == unix.AF_INET6 {
		options = append(options, struct{ level, name, value int }{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			closeSocket(fd)
			return -1, fmt.Errorf("set media socket option %d: %w", o.name, err)
		}
	}
	if err := unix.Bind(fd, name); err != nil {
		closeSocket(fd)
		if errors.Is(err, unix.EADDRINUSE) {
			return -1, errInUse
		}
		return -1, fmt.Errorf("bind media port %d: %w", port, err)
	}
	return fd, nil
}

// setReadBuffer returns what the kernel granted, in the measure of what was asked.
func setReadBuffer(fd, size int) (granted int, err error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
		return 0, fmt.Errorf("set media receive buffer: %w", err)
	}
	doubled, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("get media receive buffer: %w", err)
	}
	return doubled / 2, nil // socket(7): the kernel doubles it to allow for its own bookkeeping.
}

// refuse makes the kernel drop whatever arrives from now on; what is queued stays.
func (s *socket) refuse() error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: 1, Filter: &drop}); err != nil {
		return fmt.Errorf("attach media filter: %w", err)
	}
	return nil
}

// lostSince returns how many more packets were dropped than was known. The kernel's counter may wrap.
func (s *socket) lostSince(dropped uint32) uint64 {
	more := int32(dropped - s.lost)
	if more <= 0 { // Older news, or no news: the control message is left out while there is nothing to tell.
		return 0
	}
	s.lost = dropped
	return uint64(more)
}

// dropped asks the kernel, which in control messages tells of a drop only with the next packet that it queues.
func (s *socket) dropped() uint32 {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return s.lost
	}
	return info[unix.SK_MEMINFO_DROPS]
}

func (s *socket) close() { closeSocket(s.fd) }

// closeSocket has no error to return: a UDP socket that was only read from has nothing left to lose.
func closeSocket(fd int) { _ = unix.Close(fd) }
