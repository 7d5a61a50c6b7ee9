package audio

import (
	"context"
	"errors"
	"os"
)

// Render writes the audio of streams to wav, from its start.
func Render(ctx context.Context, src Source, streams []Stream, wav *os.File, o Options) (Result, error) {
	return Result{}, errors.ErrUnsupported
}
