package recorder

import (
	"context"
	"log/slog"
	"strings"

	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"
)

const (
	// maxDatagram is the most a UDP datagram can carry; RFC 3261, 18.1.1 wants all of it taken.
	maxDatagram = 65535
	// maxMessage is the longest SIP message taken over a stream: ten times a large SIPREC body.
	maxMessage = 256 << 10
)

// The SIP stack keeps two limits in package variables: it reads at most 32,768 bytes of a datagram and refuses to send one of
// more than 1,300, answers included. An answer must go back over the transport the request came by, whatever its
// size (RFC 3261, 18.2.2).
func init() {
	sip.TransportBufferReadSize = maxDatagram
	sip.UDPMTUSize = maxDatagram + 200
}

func newParser() *sip.Parser {
	p := sip.NewParser()
	p.MaxMessageLength = maxMessage
	return p
}

// stackLog hands on what the SIP stack logs, without its attributes: they quote messages, which name people.
type stackLog struct {
	to       *slog.Logger
	counters *Counters
	seldom   *rate.Sometimes // how often a message that does not parse is logged: a broken client sends many
}

func (l stackLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l stackLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "parse") {
		l.counters.Unparsable.Add(1)
		l.seldom.Do(func() {
			l.to.WarnContext(ctx, "SIP message refused: it does not parse", "so_far", l.counters.Unparsable.Load())
		})
		return nil
	}
	l.counters.StackErrors.Add(1)
	l.to.DebugContext(ctx, "SIP stack: "+r.Message)
	return nil
}

func (l stackLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l stackLog) WithGroup(string) slog.Handler      { return l }
