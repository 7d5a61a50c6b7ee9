package configs

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSamplesLoad(t *testing.T) {
	samples, err := filepath.Glob("*.yaml")
	if err != nil || len(samples) < 2 {
		t.Fatalf("samples %v, %v", samples, err)
	}
	for _, name := range samples {
		if _, err := Load(name); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}

// TestExampleIsWhole: a setting that the example does not show is one that nobody finds.
func TestExampleIsWhole(t *testing.T) {
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if key := f.Tag.Get("yaml"); key != "" {
				if !strings.Contains(string(text), key+":") {
					t.Errorf("example.yaml has no %s", key)
				}
				visit(f.Type)
			}
		}
	}
	visit(reflect.TypeFor[Config]())
}

func TestDefaultIsTheEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "sip:\n"} {
		c, problems := Parse("x", []byte(text))
		if len(problems) > 0 || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q is not the default: %v", text, problems)
		}
	}
	d := Default()
	if got := fmt.Sprint(d.SIP.Listen, d.SIP.Allow, d.RTP.Ports, d.NATS.Listen.Address, d.API.Listen.Address); got !=
		"[{udp 127.0.0.1:5060} {tcp 127.0.0.1:5060}] [127.0.0.0/8 ::1/128] {20000 29999}127.0.0.1:4222127.0.0.1:8080" {
		t.Errorf("defaults are %s", got)
	}
}

// TestBadFiles: every problem of a file, with its place, and nothing else. A .txt file has the beginning of each.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := Parse("f", text)
			want, err := os.ReadFile(strings.TrimSuffix(name, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(bytes.NewReader(want))
			for i := 0; ; i++ {
				more := lines.Scan()
				if !more && i >= len(problems) {
					break
				}
				got := "nothing"
				if i < len(problems) {
					p := problems[i]
					got = fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Key, p.Text)
				}
				if !more || !strings.HasPrefix(got, lines.Text()) {
					t.Errorf("problem %d is\n  %s\nwant\n  %s", i, got, lines.Text())
				}
			}
		})
	}
}

func TestValues(t *testing.T) {
	c, problems := Parse("x", []byte(`
sip: {allow: 192.0.2.1/24, drain: 90s, max_call: 2w, ticket_headers: []}
spool: {min_free: 2GB}
api: {metrics: off}
nats: {url: nats://a:4222}
purposes: {p: {keep: 10y, legal_minimum: 18m}}
routes: [{name: r, purposes: p}]
`))
	if len(problems) > 0 && !strings.Contains(problems.Error(), "18m") {
		t.Fatal(problems)
	}
	if c.SIP.Allow[0].String() != "192.0.2.0/24" || c.SIP.Drain.Duration != 90*time.Second || c.SIP.MaxCall.Duration != 14*day {
		t.Errorf("sip is %+v", c.SIP)
	}
	if len(c.SIP.TicketHeaders) != 0 || c.Spool.MinFree.Bytes != 2e9 || !c.API.Metrics.Off || c.NATS.Listen.Address != "" {
		t.Errorf("got %+v %+v %+v %+v", c.SIP.TicketHeaders, c.Spool, c.API, c.NATS)
	}
	if c.Purposes["p"].Keep.Duration != 3650*day || c.Routes[0].Controller != "default" {
		t.Errorf("got %+v %+v", c.Purposes, c.Routes)
	}
}

func TestCredentialsDirectory(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/cred")
	t.Setenv("HOME", "/secret")
	for in, want := range map[File]string{
		"$CREDENTIALS_DIRECTORY/key": "/run/cred/key", "/etc/key": "/etc/key", "$HOME/key": "$HOME/key",
	} {
		if got := in.Path(); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	if _, problems := Parse("x", bytes.Repeat([]byte("#"), maxFile+1)); len(problems) != 1 {
		t.Errorf("problems %v", problems)
	}
}

// FuzzParse: any text is a configuration or has problems that say where they are.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, name := range append(files, "example.yaml", "minimal.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a, *a]\nsip: *a\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := Parse("f", text)
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Fatalf("problem without a place: %+v", p)
			}
		}
		if len(problems) == 0 && (len(c.Routes) == 0 || len(c.SIP.Listen) == 0) {
			t.Fatalf("accepted a configuration that lacks the needful: %+v", c)
		}
	})
}
