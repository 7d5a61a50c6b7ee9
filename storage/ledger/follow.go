package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Follow calls fn with every event whose sequence is above after, in order, then with new ones as they come, until ctx ends
// (then it returns ctx.Err()) or fn fails (then its error). A server that goes away for a while is waited for. An event that
// cannot be read is logged and passed over, and so is a hole in the sequence, which only damage to the server's
// files can make: what comes behind it still counts.
func (l *Ledger) Follow(ctx context.Context, after uint64, fn func(Event) error) error {
	if _, err := l.ready(ctx); err != nil {
		return err
	}
	consumer, err := l.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   after + 1,
	})
	if err != nil {
		return fmt.Errorf("follow ledger: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("follow ledger: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the server is away; the consumer is made again where it was when it is back
		case err != nil:
			return fmt.Errorf("follow ledger: %w", err)
		}
		seq, err := l.deliver(msg, after, fn)
		if err != nil {
			return err
		}
		after = seq
	}
}

// deliver hands one message on, if it is the next.
func (l *Ledger) deliver(msg jetstream.Msg, after uint64, fn func(Event) error) (uint64, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return after, fmt.Errorf("follow ledger: %w", err)
	}
	seq := meta.Sequence.Stream
	if seq <= after {
		return after, nil // seen before the consumer was made again
	}
	if seq != after+1 {
		l.log.Error("events are missing from the ledger", "from", after+1, "to", seq-1)
	}
	e, err := decode(msg.Data())
	if err != nil {
		l.log.Error("event cannot be read and is passed over", "seq", seq, "error", err)
		return seq, nil
	}
	e.Seq = seq
	return seq, fn(e)
}
