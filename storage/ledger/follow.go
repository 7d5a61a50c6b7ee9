package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// followAhead is how many bytes of events are asked for before they are needed: a few hundred events.
	followAhead = 1 << 20
	// followHeartbeat is how often the server shows, when there is no event, that it still knows us. One that was started
	// again does not; two heartbeats later we know.
	followHeartbeat = time.Second
	// followForget is after how long the server forgets a follower that is gone.
	followForget = time.Minute
	// A follower that fails tries again after followRetry, then after twice as long each time, up to followMaxRetry.
	followRetry, followMaxRetry = 100 * time.Millisecond, 10 * time.Second
)

// errSkipped says that the server sent an event which did not arrive.
var errSkipped = errors.New("an event was lost on its way")

// Follow calls fn with every event whose sequence is above after, in order and each once, then with new ones as they come,
// until ctx ends (then it returns ctx.Err()), fn fails (then its error), or the ledger turns out to be shorter than what was
// read of it (then ErrRewound). A server that goes away is waited for.
//
// An event that cannot be read is logged and handed on as Event{Seq: seq}, so that who follows reaches Last all the same. A
// hole in the sequence, which only damage to the server's files can make, is logged: what comes behind it still counts.
func (l *Ledger) Follow(ctx context.Context, after uint64, fn func(Event) error) error {
	f := follower{ledger: l, after: after, fn: fn}
	for failures := 0; ; failures++ {
		before := f.after
		err := f.run(ctx)
		switch {
		case f.failed != nil:
			return f.failed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrRewound), errors.Is(err, ErrStream):
			return err
		case f.after > before:
			failures = 0
		}
		wait := min(followRetry<<min(failures, 10), followMaxRetry)
		if failures&(failures-1) == 0 { // an outage must not fill the log
			l.log.Warn("ledger cannot be followed; it is tried again", "after", f.after, "wait", wait, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// follower is one call of Follow, and belongs to its goroutine.
type follower struct {
	ledger *Ledger
	after  uint64 // sequence of the last event that was handed on
	fn     func(Event) error
	failed error // of fn
}

// run follows until something fails. The consumer is the server's note of where we are; it is made anew each time, from what
// we know ourselves, and so need not survive anything.
func (f *follower) run(ctx context.Context) error {
	last, err := f.ledger.Last(ctx)
	if err != nil {
		return err
	}
	if last < f.after {
		return fmt.Errorf("%w: it ends at %d, and %d was read", ErrRewound, last, f.after)
	}
	made, cancel := limited(ctx)
	defer cancel()
	consumer, err := f.ledger.js.CreateConsumer(made, streamName, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       f.after + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: followForget,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return fmt.Errorf("create consumer of ledger: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(followAhead), jetstream.PullHeartbeat(followHeartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("ask for events: %w", err)
	}
	defer messages.Stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("wait for event: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read place of event: %w", err)
		}
		if meta.Sequence.Consumer != delivered {
			return errSkipped
		}
		if err := f.take(meta.Sequence.Stream, msg.Data()); err != nil {
			return err
		}
	}
}

// take hands on the event at seq.
func (f *follower) take(seq uint64, b []byte) error {
	switch {
	case seq <= f.after:
		return fmt.Errorf("%w: %d came after %d", ErrRewound, seq, f.after)
	case seq != f.after+1:
		f.ledger.log.Error("events are missing from the ledger", "from", f.after+1, "to", seq-1)
	}
	e, err := decode(b)
	if err != nil {
		f.ledger.log.Error("event cannot be read and is passed over", "seq", seq, "error", err)
	}
	e.Seq = seq
	f.failed = f.fn(e)
	if f.failed == nil {
		f.after = seq
	}
	return f.failed
}
