package configs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
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
		c, err := Load(name)
		if err != nil {
			t.Errorf("%s:\n%v", name, err)
			continue
		}
		if w := c.Warnings(); len(w) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(w, "\n"))
		}
	}
}

// TestExampleIsWhole: a setting that the example does not show is one that nobody finds. What excludes another that is there
// is shown as a comment.
func TestExampleIsWhole(t *testing.T) {
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, problems := Parse("example.yaml", text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	shown := make(map[string]bool)
	for place := range c.source.places {
		place = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(place, "[]")
		shown[regexp.MustCompile(`^(controllers|purposes)\.[^.]+`).ReplaceAllString(place, "$1.<name>")] = true
	}
	commented := map[string]bool{"nats.listen": true}
	paths(reflect.TypeFor[Config](), "", func(path string) {
		key := path[strings.LastIndex(path, ".")+1:]
		if commented[path] && strings.Contains(string(text), "# "+key+":") {
			return
		}
		if !shown[path] {
			t.Errorf("example.yaml has no %s", path)
		}
	})
}

// TestManual: each key says what it means, and what is when it is not there.
func TestManual(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok || f.Tag == nil {
			return true
		}
		manual := f.Doc.Text() + f.Comment.Text()
		if !regexp.MustCompile(`\b(Default:|Required\.|Absent:)`).MatchString(manual) {
			t.Errorf("%s does not say whether it is needed, or what its default is: %q", f.Names[0], manual)
		}
		return true
	})
}

func TestDefaultIsTheEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "sip:\n", "\ufeffsip:\n  # allow: x\n", "\r\n"} {
		c, problems := Parse("x", []byte(text))
		c.source = nil
		if len(problems) > 0 || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q is not the default: %v", text, problems)
		}
	}
	if w := Default().Warnings(); len(w) > 0 {
		t.Errorf("the default warns: %v", w)
	}
	d := Default()
	got := fmt.Sprint(d.SIP.Listen, d.SIP.Allow, d.RTP.Ports, d.NATS.Listen, d.API.Listen, d.API.Metrics, d.NATS.Replicas, d.Routes)
	want := "[udp://127.0.0.1:5060 tcp://127.0.0.1:5060] [127.0.0.0/8 ::1/128] {20000 29999} {127.0.0.1:4222} {127.0.0.1:8080} " +
		"{127.0.0.1:9464} 1 [{all {  } default  [fraud instructions service training]}]"
	if got != want {
		t.Errorf("defaults are\n%s, want\n%s", got, want)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	Default().SIP.Allow[0] = Prefix{}
	*Default().SIP.UserToUser = false
	if d := Default(); !d.SIP.Allow[0].IsValid() || !*d.SIP.UserToUser {
		t.Error("changing one configuration changes the next")
	}
}

// TestOverDefaults: what a file says replaces the default whole, zero and nothing too.
func TestOverDefaults(t *testing.T) {
	c, problems := Parse("x", []byte(`
sip: {allow: 192.0.2.1/24, drain: 0s, max_call: 2w, ticket_headers: [], user_to_user: false}
spool: {min_free: 0}
api: {metrics: off}
nats: {url: nats://a:4222}
controllers: {example: {recipient_file: /x}}
purposes: {p: {keep: 10y, legal_minimum: 1y}}
routes: [{name: r, purposes: p}]
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.SIP.Allow[0].String() != "192.0.2.0/24" || c.SIP.Drain.Duration != 0 || c.SIP.MaxCall.Duration != 14*day {
		t.Errorf("sip is %+v", c.SIP)
	}
	if len(c.SIP.TicketHeaders) != 0 || *c.SIP.UserToUser || c.Spool.MinFree.Bytes != 0 || c.API.Metrics.Address != "" {
		t.Errorf("got %+v %+v %+v", c.SIP, c.Spool, c.API)
	}
	if c.NATS.Listen.Address != "" || len(c.Purposes) != 1 || c.Purposes["p"].Keep.Duration != 10*year || c.Routes[0].Controller != "example" {
		t.Errorf("got %+v %+v %+v", c.NATS, c.Purposes, c.Routes)
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "0": 0, "180d": 180 * day, "2y": 2 * year, "1w3d": 10 * day, "1y1d12h30m": year + day + 12*time.Hour + 30*time.Minute,
		"1.5h": 90 * time.Minute, "200y": maxDuration,
	} {
		var d Duration
		if err := d.parse(in); err != nil || d.Duration != want {
			t.Errorf("%s is %v, %v; want %v", in, d.Duration, err, want)
		}
	}
	for _, in := range []string{"", "10", "d", "-1s", "-1d", "1.5d", "201y", "200y1s", "4294967296d", "1d 2h", "1h2d", "2 years", "１d"} {
		var d Duration
		if err := d.parse(in); err == nil {
			t.Errorf("%q is %v, want an error", in, d)
		}
	}
}

func TestHashNamesTheText(t *testing.T) {
	if got := Hash([]byte("node: a\n")); len(got) != 12 || got == Hash([]byte("node: b\n")) {
		t.Errorf("hash is %q", got)
	}
}
