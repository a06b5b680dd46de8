package store

import (
	"context"
	"fmt"
	"time"
)

// eraseRounds is how many rounds there are within Config.EraseWithin. Actors
// delete within its first half; what they delete as a round begins is erased by
// the one after it, which ends three eighths later.
const eraseRounds = 4

// An Eraser takes what was deleted out of a store's files, round by round, until
// it is stopped.
type Eraser struct {
	stop  context.CancelFunc
	ended chan struct{}
}

// StartEraser calls round again and again, with the time until the next call.
// The first one comes soon: a store that is often opened and closed has its
// rounds too.
func StartEraser(within time.Duration, round func(ctx context.Context, period time.Duration)) *Eraser {
	ctx, stop := context.WithCancel(context.Background())
	e := &Eraser{stop, make(chan struct{})}
	go func() {
		defer close(e.ended)
		period := within / eraseRounds
		for pause := period / 4; ; pause = period {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
				round(ctx, period)
			}
		}
	}()
	return e
}

// Stop ends the round under way early, and lets no other begin. It does not wait.
func (e *Eraser) Stop() { e.stop() }

// End stops the eraser and waits for it.
func (e *Eraser) End(ctx context.Context) error {
	e.stop()
	select {
	case <-e.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the store: await what erases deleted data: %w", ctx.Err())
	}
}
