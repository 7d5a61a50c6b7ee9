package web

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// serveLocal serves a rig's local handler on a unix socket in the abstract namespace, which no folder's mode keeps anyone from.
func (r *rig) serveLocal() (address string) {
	r.t.Helper()
	address = "@" + filepath.Join(r.t.TempDir(), "api.sock")
	ln, err := net.Listen("unix", address)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.web.Serve(ctx, ln, r.web.LocalHandler()) }() // ends with ctx, below
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	return address
}

// credentials of a peer; nil groups means those of the test.
type credentials struct {
	uid, gid int
	groups   []int
}

// dialAs connects with other credentials. It changes those of one thread only, which ends with the goroutine.
func dialAs(t testing.TB, address string, c credentials) net.Conn {
	t.Helper()
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() { // ends when it has connected
		runtime.LockOSThread() // and is not unlocked: the thread ends too
		fd, err := connectAs(address, c)
		done <- result{fd, err}
	}()
	res := <-done
	if res.err != nil {
		t.Fatal(res.err)
	}
	f := os.NewFile(uintptr(res.fd), "peer")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func connectAs(address string, c credentials) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if c.groups != nil {
		if err := setThread(c); err != nil {
			return 0, err
		}
	}
	return fd, unix.Connect(fd, &unix.SockaddrUnix{Name: address})
}

// setThread gives the thread other credentials, past the package syscall, which would give them to the whole process.
func setThread(c credentials) error {
	groups := make([]uint32, len(c.groups), len(c.groups)+1) // room for one, so that there is an address
	for i, g := range c.groups {
		groups[i] = uint32(g)
	}
	uid, gid := uintptr(c.uid), uintptr(c.gid)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return errno
	}
	return nil
}

// peerCase is a peer and what it is to the server.
type peerCase struct {
	name string
	credentials
	role Role // "": a stranger
}

// peerCases are the peers that this test may play: all of them when it runs as root, itself otherwise.
func peerCases(group int) []peerCase {
	self := peerCase{"the service's own user", credentials{uid: os.Getuid()}, roleLocal}
	if os.Getuid() != 0 {
		return []peerCase{self}
	}
	const someone, other = 54321, 54322
	many := make([]int, 200)
	for i := range many {
		many[i] = 60_000 + i
	}
	return []peerCase{
		self,
		{"root", credentials{0, 0, []int{}}, roleLocal},
		{"a stranger", credentials{someone, other, []int{}}, ""},
		{"a stranger with many groups", credentials{someone, other, many}, ""},
		{"a member by primary group", credentials{someone, group, []int{}}, RoleAuditor},
		{"a member by supplementary group", credentials{someone, other, []int{other, group}}, RoleAuditor},
		{"a member with many groups", credentials{someone, other, append(many, group)}, RoleAuditor},
	}
}

func TestPeer(t *testing.T) {
	r := newRig(t, 1)
	name, gid := anyGroup(t)
	r.startWeb(Config{Group: name, SocketRole: RoleAuditor})
	address := r.serveLocal()
	for _, c := range peerCases(gid) {
		via := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return dialAs(t, address, c.credentials), nil
		}}
		get := func(path, token string) reply {
			req, err := http.NewRequest(http.MethodGet, "http://linewarden"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return send(t, via, req)
		}
		for path, need := range map[string]Action{
			"/v1/recordings/" + call(0).ID: Search, "/v1/recordings/" + call(0).ID + "/audio": Play, "/v1/tokens": Tokens, "/v1/status": Status,
		} {
			res := get(path, "")
			switch {
			case c.role.may(need) && res.StatusCode != http.StatusOK:
				t.Errorf("%s: %s: got %s", c.name, path, res.Status)
			case !c.role.may(need):
				mustBeProblem(t, res, http.StatusForbidden)
			}
		}
		secret, _ := r.token(RoleAdmin, time.Hour)
		if res := get("/v1/tokens", secret); res.StatusCode != http.StatusOK {
			t.Errorf("%s with a token: got %s", c.name, res.Status)
		}
		mustBeProblem(t, get("/v1/tokens", "lw_wrong"), http.StatusUnauthorized)
		r.web.failures = newThrottle()
		via.CloseIdleConnections()
	}
	for _, p := range r.plays() {
		if want := "uid:" + strconv.Itoa(os.Getuid()); p.Actor != want {
			t.Errorf("%s has played, want %s", p.Actor, want)
		}
	}
}

// anyGroup is a group of this machine that is not root's.
func anyGroup(t testing.TB) (string, int) {
	t.Helper()
	for gid := 1; gid < 100; gid++ {
		if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
			return g.Name, gid
		}
	}
	t.Fatal("this machine has no group")
	return "", 0
}

// TestPeerOnTCP: the local handler on a listener that knows no peers lets nobody in.
func TestPeerOnTCP(t *testing.T) {
	r := newRig(t, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.web.Serve(ctx, ln, r.web.LocalHandler()) }() // ends with ctx, below
	r.url = "http://" + ln.Addr().String()
	mustBeProblem(t, r.get("", "/v1/tokens"), http.StatusForbidden)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSocketRole(t *testing.T) {
	r := newRig(t, 0)
	for _, role := range []Role{"", "root", roleLocal} {
		if _, err := New(Config{Archive: r.archive, Group: "linewarden", SocketRole: role}); err == nil {
			t.Errorf("role %q is accepted for the group", role)
		}
	}
}
