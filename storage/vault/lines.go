package vault

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"strings"
)

const (
	// maxLine bounds what is kept of a line, in bytes.
	maxLine = 1 << 10
	// maxTrace is how many lines of a crash's traces are logged as complaints; the goroutine that crashed comes first.
	maxTrace = 40
)

// lines takes what a child prints on one of its outputs: each line into the log, and one of them to say why the child ended.
type lines struct {
	log   *slog.Logger
	level slog.Level

	// Owned by the goroutine of os/exec that copies the output, and after Wait by who waited.
	rest   []byte // a line that has not ended
	reason string // the last line, or the one that tells of a crash
	crash  bool
	traced int
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		n, line, _ := bufio.ScanLines(l.rest, len(l.rest) > maxLine) // it has no errors
		if n == 0 {
			return len(b), nil
		}
		l.take(line)
		l.rest = l.rest[n:]
	}
}

func (l *lines) take(line []byte) {
	if len(line) == 0 {
		return
	}
	text, level := string(line[:min(len(line), maxLine)]), l.level
	if !l.crash {
		l.reason = text
		l.crash = strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
	} else if l.traced++; l.traced > maxTrace {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "embedded store: "+text)
}

// explain adds to the error that a child ended with what the child said itself.
func (l *lines) explain(err error) error {
	l.take(l.rest)
	l.rest = nil
	if err == nil || l.reason == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, l.reason)
}
