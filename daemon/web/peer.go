package web

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a unix socket, as the kernel vouches for it.
type peer struct {
	uid    uint32
	groups []uint32
}

type peerKey struct{}

// ConnContext puts the peer of a unix socket into the context of its requests, for LocalHandler; it is for
// http.Server.ConnContext, where Serve has put it.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	p, err := readPeer(conn)
	if err != nil {
		return ctx // a peer that is not known has no role
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// readPeer asks who connected. These are the credentials of the moment of the connection: a process that changes its user
// later does not take the new rights along.
func readPeer(conn *net.UnixConn) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("read peer: %w", err)
	}
	var p peer
	var optErr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); optErr != nil {
			return
		}
		p.uid = cred.Uid
		p.groups, optErr = peerGroups(fd)
		p.groups = append(p.groups, cred.Gid)
	})
	if err == nil {
		err = optErr
	}
	if err != nil {
		return peer{}, fmt.Errorf("read peer: %w", err)
	}
	return p, nil
}

// peerGroups are the peer's supplementary groups. The kernel is asked and not the user database: it alone knows the groups
// that a service manager or newgrp has given to the process.
func peerGroups(fd uintptr) ([]uint32, error) {
	const likely = 64 // groups; the kernel says how many when they are more
	groups := make([]uint32, likely)
	for {
		size := uint32(len(groups)) * uint32(unsafe.Sizeof(groups[0]))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		n := size / uint32(unsafe.Sizeof(groups[0]))
		switch {
		case errno == 0:
			return groups[:n], nil
		case errno == unix.ERANGE && int(n) > len(groups):
			groups = make([]uint32, n)
		default:
			return nil, errno
		}
	}
}

// peerIdentity is who the peer of a unix socket is.
func (s *Server) peerIdentity(ctx context.Context) (identity, error) {
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok {
		return identity{}, errStranger
	}
	uid := strconv.FormatUint(uint64(p.uid), 10)
	who := identity{actor: "uid:" + uid, name: "user " + uid}
	switch {
	case p.uid == 0 || int(p.uid) == os.Geteuid():
		who.role = roleLocal
	case s.inGroup(p):
		who.role = s.c.SocketRole
	default:
		return identity{}, errStranger
	}
	return who, nil
}

// inGroup says whether a peer is in the configured group. A group that this machine does not have has no members.
func (s *Server) inGroup(p peer) bool {
	if s.c.Group == "" {
		return false
	}
	g, err := user.LookupGroup(s.c.Group)
	if err != nil {
		return false
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	return err == nil && slices.Contains(p.groups, uint32(gid))
}
