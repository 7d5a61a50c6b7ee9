package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms says which of our packages a package may import. daemon may import all.
var rooms = map[string][]string{
	"configs":                 {},
	"systemd":                 {},
	"recorder/siprec":         {},
	"recorder/rtp":            {},
	"recorder/client":         {},
	"recorder/media":          {"recorder/rtp"},
	"recorder/audio":          {"recorder/rtp"},
	"recorder":                {"recorder/siprec", "recorder/rtp", "recorder/media", "recorder/audio", "storage/spool"},
	"storage/spool":           {},
	"storage/vault":           {},
	"storage/vault/vaulttest": {"storage/vault"},
	"storage/ledger":          {},
	"storage/catalog":         {},
	"storage":                 {"storage/spool", "storage/vault", "storage/ledger", "storage/catalog"},
	"daemon/web":              {"storage", "storage/catalog", "recorder"},
}

// outside says in which rooms a dependency may be used, by the beginning of its import path.
var outside = map[string][]string{
	"github.com/emiago/sipgo":             {"recorder", "recorder/client"},
	"github.com/pion/rtp":                 {"recorder/rtp"},
	"github.com/pion/sdp":                 {"recorder/siprec", "recorder/client"},
	"github.com/minio/minio-go":           {"storage/vault"},
	"github.com/versity/versitygw":        {"storage/vault"},
	"github.com/aws/aws-sdk-go-v2":        {"storage/vault"}, // types of versitygw's backend
	"github.com/nats-io/nats.go":          {"storage/ledger"},
	"github.com/nats-io/nats-server":      {"storage/ledger"},
	"modernc.org/sqlite":                  {"storage/catalog"},
	"filippo.io/age":                      {"storage"},
	"github.com/oklog/ulid":               {"recorder", "storage", "storage/spool"},
	"github.com/danielgtaylor/huma":       {"daemon/web"},
	"github.com/alecthomas/kong":          {"daemon"},
	"github.com/goccy/go-yaml":            {"configs"},
	"github.com/prometheus/client_golang": {"daemon"},
	"golang.org/x/time/rate":              {"recorder", "daemon/web"},
	"golang.org/x/sys/unix":               {"recorder/media", "storage/spool", "storage/vault", "daemon/web"},
	"golang.org/x/crypto/bcrypt":          {"storage/ledger"},
}

// TestRooms reads the imports of the source and compares them with the two tables.
func TestRooms(t *testing.T) {
	for file, imports := range sourceImports(t, "..") {
		room := path.Dir(file)
		if room == "daemon" {
			checkOutside(t, file, room, imports)
			continue
		}
		may, known := rooms[room]
		if !known {
			t.Errorf("%s: room %s is not in the table", file, room)
			continue
		}
		for _, imported := range imports {
			own, ok := strings.CutPrefix(imported, "linewarden/")
			if ok && !slices.Contains(may, own) {
				t.Errorf("%s: %s may not import %s", file, room, own)
			}
		}
		checkOutside(t, file, room, imports)
	}
}

func checkOutside(t *testing.T, file, room string, imports []string) {
	t.Helper()
	for _, imported := range imports {
		first, _, _ := strings.Cut(imported, "/")
		if !strings.Contains(first, ".") { // the standard library, or ours
			continue
		}
		found := false
		for prefix, in := range outside {
			if strings.HasPrefix(imported, prefix) {
				found = slices.Contains(in, room)
				break
			}
		}
		if !found {
			t.Errorf("%s: %s may not import %s", file, room, imported)
		}
	}
}

// sourceImports lists the imports of every source file below root that is not a test, by slash-separated path.
func sourceImports(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			found[filepath.ToSlash(rel)] = append(found[filepath.ToSlash(rel)], strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no source found")
	}
	return found
}

// topLevel is what the project's owner allows in the top folder, beside names that begin with a dot.
var topLevel = []string{"LICENSE", "Makefile", "README.md", "abuse", "configs", "daemon", "go.mod", "go.sum", "recorder", "storage", "systemd"}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	ignored := []string{"linewarden", "linewarden-data"} // build and run leftovers, see .gitignore
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(topLevel, name) || slices.Contains(ignored, name) || strings.HasPrefix(name, "demo-") {
			continue
		}
		t.Errorf("%s does not belong in the top folder", name)
	}
}
