package vault

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	childMark  = "VAULT_TEST_CHILD"  // makes the test binary the child that StartEmbedded runs
	parentMark = "VAULT_TEST_PARENT" // makes it a daemon with a store in the folder that follows, to be killed
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == childMark:
		err = ServeEmbedded(context.Background(), os.Stdin)
	case len(os.Args) > 2 && os.Args[1] == parentMark:
		err = beParent(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beParent starts a store, says the process id of its child, and waits to be killed, or for the end of the test.
func beParent(dir string) error {
	e, err := StartEmbedded(context.Background(), EmbeddedConfig{
		Dir: dir, Socket: filepath.Join(dir, "s3.sock"), Command: []string{os.Args[0], childMark}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	fmt.Println(e.Pid())
	io.Copy(io.Discard, os.Stdin)
	return e.Close()
}

// start starts an embedded store on a folder, with a client of its bucket.
func start(t testing.TB, dir string) (*Embedded, *Client) {
	t.Helper()
	e, err := StartEmbedded(t.Context(), EmbeddedConfig{
		Dir: dir, Socket: filepath.Join(dir, "s3.sock"), Command: []string{os.Args[0], childMark}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	c, err := New(e.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e, c
}

func object(key Key, text string) Object {
	return Object{
		Key: key, Body: strings.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text)), ContentType: "text/plain",
		Tags: map[string]string{"class": "normal", "purposes": "service:fraud"},
	}
}

func read(t testing.TB, c *Client, v Version, offset int64) string {
	t.Helper()
	r, err := c.Open(t.Context(), v.Key, v.ID, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
