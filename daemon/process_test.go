package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// program is what is tested, built once by TestMain.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "linewarden-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "linewarden")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// process is a running "linewarden serve".
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string                    // data directory
	conf string                    // configuration file
	sip  map[string]netip.AddrPort // by network: udp, tcp
	url  string

	exited chan struct{}
	err    error // of Wait; read after exited

	mu  sync.Mutex
	log bytes.Buffer // Guarded by mu.
}

// testConfig is a configuration that disturbs nothing on the machine: free ports, data in a folder of its own.
func testConfig(dir, rtpPorts string) string {
	return fmt.Sprintf(`
data_dir: %s
sip:
  listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]
  drain: 1s
rtp:
  ports: %s
nats:
  listen: 127.0.0.1:0
api:
  listen: 127.0.0.1:0
  metrics: off
`, dir, rtpPorts)
}

// nextPort is where the next test looks for media ports: somewhere else in each run, so that two at once do not meet.
var nextPort atomic.Int32

func init() { nextPort.Store(int32(10_000 + 100*rand.IntN(80))) }

// freePorts is a range of n UDP ports that nobody uses.
func freePorts(t *testing.T, n int) string {
	t.Helper()
	for range 100 {
		first := int(nextPort.Add(int32(n))) - n
		if portsFree(first, n) {
			return fmt.Sprintf("%d-%d", first, first+n-1)
		}
	}
	t.Fatal("no free UDP ports")
	return ""
}

func portsFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return false
		}
		conn.Close()
	}
	return true
}

// startProcess starts the built binary on a new data directory, with n media ports, and waits until it is ready. The test
// ends it.
func startProcess(t *testing.T, n int) *process {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "linewarden.yaml")
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(conf, []byte(testConfig(data, freePorts(t, n))), 0o600); err != nil {
		t.Fatal(err)
	}
	return restartProcess(t, conf, data)
}

// restartProcess starts the built binary on a data directory that may have been used before.
func restartProcess(t *testing.T, conf, data string) *process {
	t.Helper()
	p := &process{t: t, dir: data, conf: conf, exited: make(chan struct{})}
	p.cmd = exec.Command(program, "serve", "--config", conf)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() { // ends with the process
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ready") {
				ready <- lines.Text()
			}
		}
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.end)
	select {
	case line := <-ready:
		p.readReady(line)
	case <-p.exited:
		t.Fatalf("daemon ended before it was ready: %v\n%s", p.err, p.logged())
	case <-time.After(30 * time.Second):
		t.Fatalf("daemon not ready after 30 s\n%s", p.logged())
	}
	return p
}

var readyLine = regexp.MustCompile(`SIP on udp (\S+), tcp (\S+), console on (\S+)`)

func (p *process) readReady(line string) {
	p.t.Helper()
	m := readyLine.FindStringSubmatch(line)
	if m == nil {
		p.t.Fatalf("ready line %q names no addresses", line)
	}
	p.sip = map[string]netip.AddrPort{"udp": netip.MustParseAddrPort(m[1]), "tcp": netip.MustParseAddrPort(m[2])}
	p.url = m[3]
}

// Write takes the process's log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// signal sends a signal and waits for the end.
func (p *process) signal(sig syscall.Signal, limit time.Duration) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(limit):
		p.t.Fatalf("daemon still runs %s after %v\n%s", limit, sig, p.logged())
		return nil
	}
}

// end stops the process at the end of its test, and shows its log when the test failed.
func (p *process) end() {
	select {
	case <-p.exited:
	default:
		p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(20 * time.Second):
			p.cmd.Process.Kill()
			<-p.exited
			p.t.Error("daemon did not stop within 20 s of SIGTERM")
		}
	}
	if p.t.Failed() {
		p.t.Logf("daemon's log:\n%s", p.logged())
	}
}

// run runs a subcommand against the process and returns what it printed.
func (p *process) run(args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(program, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

func (p *process) socket() string { return filepath.Join(p.dir, "api.sock") }

// token makes a token of a role through the local socket.
func (p *process) token(role string) string {
	p.t.Helper()
	out, errOut, err := p.run("token", "create", "--socket", p.socket(), "--role", role)
	if err != nil {
		p.t.Fatalf("token create: %v\n%s", err, errOut)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// get fetches a path of the API with a token.
func (p *process) get(token, path string, header ...string) (*http.Response, []byte) {
	p.t.Helper()
	req, err := http.NewRequest("GET", p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, body
}

// waitStored waits until a ticket has n recordings and returns them.
func (p *process) waitStored(ticket string, n int) []recording {
	p.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		out, errOut, err := p.run("find", "--socket", p.socket(), "--ticket", ticket, "--json")
		if err != nil {
			p.t.Fatalf("find: %v\n%s", err, errOut)
		}
		var found []recording
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			p.t.Fatalf("find --json printed %q: %v", out, err)
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%d recordings of ticket %s stored within 60 s, want %d", len(found), ticket, n)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// audio fetches a recording's WAV with a subcommand, which compares its hash.
func (p *process) audio(id string) []byte {
	p.t.Helper()
	name := filepath.Join(p.t.TempDir(), "audio.wav")
	if _, errOut, err := p.run("get", "--socket", p.socket(), id, "-o", name); err != nil {
		p.t.Fatalf("get: %v\n%s", err, errOut)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}
