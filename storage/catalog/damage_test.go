package catalog

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestDamagedFileIsSetAside(t *testing.T) {
	made := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, made)
	fill(t, c, 500)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"no database":     bytes.Repeat([]byte("no database "), 1000),
		"first page only": good[:4096],
		"torn page":       good[:100],
		"noise":           append(good[:100:100], bytes.Repeat([]byte{0xa5}, len(good)-100)...),
		"wrong table":     bytes.Replace(good, []byte("CREATE TABLE position"), []byte("CREATE TABLE positiom"), 1),
	} {
		path := filepath.Join(t.TempDir(), "catalog.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".corrupt-20200101T000000Z", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c := openAt(t, path)
		if kept, err := os.ReadFile(c.SetAside()); err != nil || !bytes.Equal(kept, content) {
			t.Errorf("%s: the damaged file is not where SetAside says: %v", name, err)
		}
		if others, err := filepath.Glob(path + ".corrupt-*"); err != nil || len(others) != 1 {
			t.Errorf("%s: set aside: %v, %v; want the last alone", name, others, err)
		}
		if seq := position(t, c); seq != 0 {
			t.Errorf("%s: position %d", name, seq)
		}
		update(t, c, 1, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	}
}

// TestDamageShowsLater: what Open does not read is found damaged when it is read, and the error says so.
func TestDamageShowsLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	fill(t, c, 500)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const head = 20 * 4096 // schema, position and the roots of tables
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-head)), head); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c = openAt(t, path)
	if _, err := c.Search(t.Context(), Query{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("search: %v, want ErrDamaged", err)
	}
}

func TestAnotherVersionIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openAt(t, path)
	update(t, c, 5, func(tx *Tx) error { return tx.PutRecording(sample(1)) })
	if _, err := c.write.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	if seq := position(t, again); seq != 0 || again.SetAside() != "" {
		t.Errorf("opened at %d, set aside %q", seq, again.SetAside())
	}
	if _, err := again.Recording(t.Context(), sample(1).ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a recording of the other version: %v", err)
	}
}

// TestOpenLeavesAloneWhatItCannotOpen: an error that is not of the file's content says nothing about the content.
func TestOpenLeavesAloneWhatItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "nowhere", "catalog.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a folder was opened")
	}
	c := openAt(t, filepath.Join(dir, "catalog.db"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Search(t.Context(), Query{}); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("search in a closed catalog: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.corrupt-*")); err != nil || len(left) != 0 {
		t.Errorf("set aside: %v, %v", left, err)
	}
}
