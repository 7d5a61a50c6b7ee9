package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// callLimit bounds a request to the server. One that cannot write does not answer at all.
const callLimit = 10 * time.Second

var (
	// ErrConflict says that somebody appended to the same subject first.
	ErrConflict = errors.New("ledger has moved on")
	// ErrRewound says that the ledger ends before a position that was followed already: it is another ledger, or it has lost
	// events that it had acknowledged.
	ErrRewound = errors.New("ledger ends before what was read of it")
)

// Options of a ledger. The zero value is good for a single server.
type Options struct {
	Replicas int // copies in a cluster: 1, 3 or 5; 0 is 1
	Log      *slog.Logger
}

// Ledger is the stream of events. Its methods may be called from any goroutine.
//
// What Append acknowledges survives a power cut if the server syncs before it acknowledges: the embedded one does; in a
// cluster, replicas stand in for it, or sync_interval: always in the servers' configuration.
type Ledger struct {
	js       jetstream.JetStream
	log      *slog.Logger
	replicas int
	stream   chan jetstream.Stream // holds one: nil until the server was reached once. Who takes it out owns it.
}

// Open finds or creates the stream. A server that cannot be reached yet is no error: calls must be recorded meanwhile, and
// each method tries again. A stream that cannot be a ledger is one: ErrStream.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Ledger, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	l := &Ledger{js: js, log: orDiscard(o.Log), replicas: max(1, o.Replicas), stream: make(chan jetstream.Stream, 1)}
	l.stream <- nil
	if _, err := l.ready(ctx); errors.Is(err, ErrStream) {
		return nil, err
	} else if err != nil {
		l.log.Warn("ledger cannot be reached yet; calls are recorded, and stored when it can", "error", err)
	}
	return l, nil
}

// Append writes an event; it is durable when Append returns its sequence.
//
// An error does not say that the event is not there: an acknowledgement may be lost on its way. Who appends again writes a
// second event, unless both bear the same Key and no more than two minutes passed: then it is the first, and
// its sequence, that count. Keys are told apart by type and ID.
func (l *Ledger) Append(ctx context.Context, e Event) (uint64, error) {
	return l.publish(ctx, e)
}

// AppendAfter writes an event if the last one on its Subject has the sequence last, 0 for none, and fails with ErrConflict
// otherwise. After another error the event may be there, and repeating the call then ends in ErrConflict, with a Key too: who
// gets that must look at what has come since.
func (l *Ledger) AppendAfter(ctx context.Context, e Event, last uint64) (uint64, error) {
	seq, err := l.publish(ctx, e, jetstream.WithExpectLastSequencePerSubject(last))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, ErrConflict
	}
	return seq, err
}

func (l *Ledger) publish(ctx context.Context, e Event, opts ...jetstream.PublishOpt) (uint64, error) {
	b, err := e.encode()
	if err != nil {
		return 0, err
	}
	if _, err := l.ready(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	opts = append(opts, jetstream.WithExpectStream(streamName))
	if e.Key != "" {
		opts = append(opts, jetstream.WithMsgID(e.Type+"/"+e.ID+"/"+e.Key))
	}
	// COMMIT: the server has synced the event to disk when it acknowledges. A crash before that leaves an event that may or
	// may not be there; after it, one that is.
	ack, err := l.js.Publish(ctx, e.Subject(), b, opts...)
	if err != nil {
		return 0, fmt.Errorf("append to ledger: %w", err)
	}
	return ack.Sequence, nil
}

// Last is the sequence of the newest event; 0 when there is none.
func (l *Ledger) Last(ctx context.Context) (uint64, error) {
	stream, err := l.ready(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for end of ledger: %w", err)
	}
	return info.State.LastSeq, nil
}

// limited gives a request an end: the client waits for ever for a server that is away, or does not answer.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callLimit)
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
