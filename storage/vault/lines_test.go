package vault

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// record logs into a buffer, one message to a line.
func record(b *bytes.Buffer, from slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: from, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key != slog.MessageKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestLines(t *testing.T) {
	trace := "panic: index out of range\n\ngoroutine 1 [running]:\n" + strings.Repeat("main.f()\n", 2*maxTrace)
	for name, c := range map[string]struct {
		writes []string
		reason string
		logged int
	}{
		"in pieces":    {[]string{"on", "e\r\ntw", "o\n"}, "two", 2},
		"without end":  {[]string{"one\n", "two"}, "two", 2},
		"empty":        {[]string{"\n\n", "one\n\n"}, "one", 1},
		"silent":       {nil, "", 0},
		"far too long": {[]string{strings.Repeat("x", 10*maxLine)}, strings.Repeat("x", maxLine), 1},
		"crash":        {[]string{"before\n", trace}, "panic: index out of range", 2 + maxTrace},
	} {
		var log bytes.Buffer
		l := &lines{log: record(&log, slog.LevelWarn), level: slog.LevelWarn}
		for _, w := range c.writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: wrote %d of %d, %v", name, n, len(w), err)
			}
		}
		ended := errors.New("exit status 2")
		want := ended.Error()
		if c.reason != "" {
			want += ": " + c.reason
		}
		if err := l.explain(ended); !errors.Is(err, ended) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if got := bytes.Count(log.Bytes(), []byte("\n")); got != c.logged {
			t.Errorf("%s: %d lines logged, want %d", name, got, c.logged)
		}
		if err := l.explain(nil); err != nil {
			t.Errorf("%s: a child that ended well is explained by %v", name, err)
		}
	}
}

// FuzzLines says that what is kept is bounded whatever a child prints, and that it does not matter how lines are cut into writes
// if none is too long.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), 3)
	f.Add([]byte("panic: x\ngoroutine"), 0)
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine), maxLine)
	f.Fuzz(func(t *testing.T, printed []byte, cut int) {
		cut = min(max(cut, 0), len(printed))
		var whole, cutUp bytes.Buffer
		one, two := &lines{log: record(&whole, slog.LevelDebug)}, &lines{log: record(&cutUp, slog.LevelDebug)}
		one.Write(printed)
		two.Write(printed[:cut])
		two.Write(printed[cut:])
		for _, l := range []*lines{one, two} {
			if len(l.rest) > maxLine || len(l.reason) > maxLine {
				t.Errorf("keeps %d and %d bytes", len(l.rest), len(l.reason))
			}
			l.explain(nil)
		}
		short := !slices.ContainsFunc(bytes.Split(printed, []byte("\n")), func(b []byte) bool { return len(b) > maxLine })
		if short && whole.String() != cutUp.String() {
			t.Errorf("cut at %d it is logged otherwise:\n%s\n%s", cut, &whole, &cutUp)
		}
	})
}
