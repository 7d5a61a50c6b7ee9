package configs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBadFiles: every problem of a file, with its place, and nothing else. A .txt file has them in full.
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
			_, problems := Parse(filepath.Base(name), text)
			wanted, err := os.ReadFile(strings.TrimSuffix(name, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			got, want := strings.Split(problems.Error(), "\n"), strings.Split(strings.TrimSpace(string(wanted)), "\n")
			for i := range max(len(got), len(want)) {
				g, w := at(got, i), at(want, i)
				if g != w {
					t.Errorf("problem %d is\n  %s\nwant\n  %s", i, g, w)
				}
			}
		})
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// TestLimits: what would keep the parser busy, or fill its stack, is refused before it begins.
func TestLimits(t *testing.T) {
	deep := new(strings.Builder)
	for i := range 1000 {
		fmt.Fprintf(deep, "%sa:\n", strings.Repeat(" ", i))
	}
	for name, c := range map[string]struct{ text, want string }{
		"bytes":    {strings.Repeat("#", maxFile+1), "more than 1048576 bytes"},
		"comments": {strings.Repeat("#\n", 2*maxTokens), "more than 10000 words"},
		"keys":     {strings.Repeat("a:\n", 2*maxTokens), "more than 10000 words"},
		"list":     {strings.Repeat("-\n", 2*maxTokens), "more than 10000 words"},
		"brackets": {strings.Repeat("[", maxFile/8), "nested too deep"},
		"braces":   {strings.Repeat("{a: ", maxFile/32), "nested too deep"},
		"dashes":   {strings.Repeat("- ", maxFile/16), "nested too deep"},
		"columns":  {deep.String(), "nested too deep"},
		"anchors":  {"a: &a [x]\nb: &b [*a, *a]\nsip: [*b, *b]\n", "an anchor"},
		"tags":     {strings.Repeat("!t ", 1000), "a tag"},
		"keys?":    {strings.Repeat("? ", 1000), "?"},
		"latin 1":  {"node: a\ndata_dir: caf\xe9\n", "UTF-8"},
		"zero":     {"node: \"a\\0b\"\n", `"a\x00b" is no name`},
	} {
		_, problems := Parse("x", []byte(c.text))
		if len(problems) == 0 || !strings.Contains(problems.Error(), c.want) {
			t.Errorf("%s: problems %.200v", name, problems)
		}
	}
}

// TestSecretsAreNotShown: what was pasted where a file or a URL belongs stays out of the log.
func TestSecretsAreNotShown(t *testing.T) {
	_, problems := Parse("x", []byte(`
s3:
  endpoint: https://user:hunter2@s3.example.com
  bucket: calls
  access_key_file: /x
  secret_key_file: "AGE-SECRET-KEY-hunter2"
pseudonym_key_file: |
  hunter2
routes:
  - {name: r, purposes: fraud, match: {caller: "+47 22 00 01 00"}}
`))
	if len(problems) != 4 || strings.Contains(problems.Error(), "hunter2") || strings.Contains(problems.Error(), "22 00") {
		t.Errorf("problems\n%v", problems)
	}
}

func TestWarnings(t *testing.T) {
	text, err := os.ReadFile("testdata/warnings.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, problems := Parse("x", text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want, err := os.ReadFile("testdata/warnings.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Warnings(), "\n") + "\n"; got != string(want) {
		t.Errorf("warnings are\n%s\nwant\n%s", got, want)
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"good": "x", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(`
s3:
  endpoint: https://s3.example.com
  bucket: calls
  access_key_file: $CREDENTIALS_DIRECTORY/good
  secret_key_file: $CREDENTIALS_DIRECTORY/gone
  ca_file: "@"
controllers:
  a.b: {recipient_file: "@/empty", identity_file: "@/good"}
`, "@", dir)
	c, problems := Parse("f", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	check := func(wants ...string) {
		t.Helper()
		errs := c.CheckFiles()
		if len(errs) != len(wants) {
			t.Fatalf("errors %v", errs)
		}
		for i, want := range wants {
			if got := errs[i].Error(); !strings.HasPrefix(got, strings.ReplaceAll(want, "@", dir)) {
				t.Errorf("error %d is\n%s, want\n%s", i, got, want)
			}
		}
	}
	t.Setenv(credentials, dir)
	check("f:6:3: s3.secret_key_file: open @/gone: no such file", "f:7:3: s3.ca_file: @ is a folder",
		`f:9:9: controllers."a.b".recipient_file: @/empty is empty`)
	t.Setenv(credentials, "")
	check("f:5:3: s3.access_key_file: $CREDENTIALS_DIRECTORY/good: $CREDENTIALS_DIRECTORY is not set", "f:6:3: s3.secret_key_file: $CRED",
		"f:7:3:", "f:9:9:")
}

func TestFile(t *testing.T) {
	t.Setenv(credentials, "/run/cred")
	for in, want := range map[File]string{"$CREDENTIALS_DIRECTORY/key": "/run/cred/key", "/etc/$HOME": "/etc/$HOME", "a/key": "a/key", "": ""} {
		var f File
		if err := f.parse(string(in)); err != nil || f.Path() != want {
			t.Errorf("%s is %s, %v; want %s", in, f.Path(), err, want)
		}
	}
	for _, in := range []string{"$HOME/key", "~/key", "%d/key", "${CREDENTIALS_DIRECTORY}/key", "$CREDENTIALS_DIRECTORY", "$CREDENTIALS_DIRECTORY/../key"} {
		if err := new(File).parse(in); err == nil {
			t.Errorf("%s is a path", in)
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"allow", "listen", "max_call", "max_sessions", "recipient_file", "url", "s3", "sip"}
	for word, want := range map[string]string{
		"alow": "allow", "lisetn": "listen", "maxCall": "max_call", "max-sessions": "max_sessions", "recipient": "recipient_file",
		"ulr": "url", "a": "", "<<": "", "colour": "", "spi": "sip",
	} {
		if got := closest(word, known); got != want {
			t.Errorf("%s is %q, want %q", word, got, want)
		}
	}
}

// FuzzParse: any text is a configuration or has problems that say where they are, each in one line.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, name := range append(files, "testdata/warnings.yaml", "example.yaml", "minimal.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a, *a]\nsip: *a\n<<: *a\n? x\n: !!str y\n%YAML 1.2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, problems := Parse("f", text)
		lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + 1
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Text == "" || printable(p.String()) != p.String() {
				t.Fatalf("problem without a place: %+v", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		c.Warnings() // does not panic
		if len(c.Routes) == 0 || len(c.SIP.Listen) == 0 || len(c.SIP.Allow) == 0 || c.SIP.MaxCall.Duration <= 0 || c.RTP.Ports.First == 0 {
			t.Fatalf("accepted a configuration that lacks the needful: %+v", c)
		}
		for _, r := range c.Routes {
			if slices.ContainsFunc(r.Purposes, func(p string) bool { return c.Purposes[p].Keep.Duration <= 0 }) {
				t.Fatalf("accepted a route whose purpose has no end: %+v", c)
			}
		}
	})
}
