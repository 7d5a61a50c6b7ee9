package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// childPath names the file in which a re-executed test makes updates until it is killed.
const childPath = "CATALOG_TEST_CHILD"

// updateForEver puts recording n at sequence n and prints n, until it is killed.
func updateForEver(path string) {
	c, err := Open(path)
	if err != nil {
		panic(err)
	}
	last, err := c.Position(context.Background())
	if err != nil {
		panic(err)
	}
	for seq := last + 1; ; seq++ {
		r := sample(int(seq))
		err := c.Update(context.Background(), seq, func(tx *Tx) error {
			return errors.Join(tx.PutRecording(r), tx.PutLink(Link{Recording: r.ID, Ticket: "T", At: r.StartedAt}))
		})
		if err != nil {
			panic(err)
		}
		fmt.Println(seq)
	}
}

// TestKillLeavesRowsAndPositionTogether kills a process that updates, and again the one that goes on from there.
func TestKillLeavesRowsAndPositionTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	done := uint64(0)
	for range 3 {
		done = killedAfter(t, path, done+50)
	}
	c := openAt(t, path)
	seq := position(t, c)
	found, err := c.ByTicket(t.Context(), "T")
	if err != nil || seq < done || c.SetAside() != "" {
		t.Fatalf("position %d after %d were committed, set aside %q, %v", seq, done, c.SetAside(), err)
	}
	if len(found) != int(seq) {
		t.Errorf("%d recordings at position %d", len(found), seq)
	}
}

// killedAfter runs a child that updates, kills it when it has printed a sequence, and gives the last one printed.
func killedAfter(t *testing.T, path string, enough uint64) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childPath+"="+path), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := uint64(0)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seq, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // the line that the kill cut off
		}
		if done = seq; done == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Wait() // says that it was killed
	if done < enough {
		t.Fatalf("child ended after %d", done)
	}
	return done
}
