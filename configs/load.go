package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/goccy/go-yaml/token"
)

// Load reads and checks a file. When something in it is wrong the error is Problems, all of them.
func Load(name string) (*Config, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, problems := Parse(name, text)
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// Parse reads and checks the text of a file. An empty one is Default. A Config with problems is not for use.
func Parse(name string, text []byte) (*Config, Problems) {
	c := defaults()
	c.source = &source{file: name, places: make(map[string]*token.Position)}
	d := &decoder{source: c.source, bad: make(map[string]bool)}
	body := d.document(text)
	if body != nil {
		d.value(body, reflect.ValueOf(c).Elem(), "")
	}
	c.settle()
	if body != nil {
		(&checker{d, c}).all()
	}
	d.problems.sort()
	return c, d.problems
}

// Default is what the daemon uses without a file.
func Default() *Config {
	c := defaults()
	c.settle()
	return c
}

// Hash names a configuration in manifests and in the ledger: the first 12 digits of the SHA-256 of its text.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
