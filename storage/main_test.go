package storage

import (
	"context"
	"fmt"
	"os"
	"testing"

	"linewarden/storage/vault"
)

// TestMain lets the test's own binary be the embedded store's process, as the daemon's binary is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "embedded-vault" {
		if err := vault.ServeEmbedded(context.Background(), os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
