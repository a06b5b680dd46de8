package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
)

// Workers append for a few users until they are ended. Each reads the journal
// again when an append has failed, as an actor does.
type Workers struct {
	store  Store
	Acked  [NumberedActors]atomic.Uint64
	failed atomic.Int64 // streams
	stop   chan struct{}
	work   sync.WaitGroup
}

// StartWorkers lets a worker append for each numbered actor.
func StartWorkers(t *testing.T, s Store) *Workers {
	c := &Workers{store: s, stop: make(chan struct{})}
	for i := range NumberedActors {
		c.work.Go(func() {
			for c.goOn() {
				if err := c.live(i); err != nil {
					t.Errorf("%s: %v", NumberedKey(i), err)
					return
				}
			}
		})
	}
	return c
}

func (c *Workers) goOn() bool {
	select {
	case <-c.stop:
		return false
	default:
		return true
	}
}

// live is one activation.
func (c *Workers) live(i int) error {
	var last uint64
	switch err := c.store.Load(context.Background(), NumberedKey(i), ReadNumber(&last), ReadNumber(&last)); {
	case CodeOf(err) == actors.Unavailable:
		time.Sleep(time.Millisecond)
		return nil
	case err != nil:
		return err
	}
	if acked := c.Acked[i].Load(); last < acked {
		return fmt.Errorf("event %d was acknowledged, the journal ends at %d", acked, last)
	}
	a := NewActor(NumberedKey(i), last)
	for c.goOn() && a.Err() == nil {
		if a.Last < a.Durable()+5 {
			switch err := c.store.Append(NumberedWrite(a.Stream, a.Last+1)); {
			case err == nil:
				a.Last++
			case CodeOf(err) != actors.Unavailable && CodeOf(err) != actors.Busy:
				return err
			default:
				time.Sleep(time.Millisecond)
			}
		}
		c.Acked[i].Store(max(c.Acked[i].Load(), a.Durable()))
		if a.Last >= a.Durable()+5 {
			select {
			case <-a.Told:
			case <-c.stop:
			}
		}
	}
	err := a.Await()
	c.Acked[i].Store(max(c.Acked[i].Load(), a.Durable()))
	switch CodeOf(err) {
	case "":
		return err
	case actors.Unavailable, actors.Conflict:
		c.failed.Add(1)
		return nil
	}
	return err
}

func (c *Workers) total() (n uint64) {
	for i := range c.Acked {
		n += c.Acked[i].Load()
	}
	return n
}

// Progress waits until all users have gone on.
func (c *Workers) Progress(t *testing.T) {
	t.Helper()
	var from [NumberedActors]uint64
	for i := range c.Acked {
		from[i] = c.Acked[i].Load()
	}
	Until(t, "all users to go on", func() bool {
		for i := range c.Acked {
			if c.Acked[i].Load() <= from[i] {
				return false
			}
		}
		return true
	})
}

// End stops the workers and checks what they left.
func (c *Workers) End(t *testing.T) {
	t.Helper()
	close(c.stop)
	c.work.Wait()
	for i := range NumberedActors {
		CheckNumbered(t, c.store, NumberedKey(i), c.Acked[i].Load(), c.Acked[i].Load()+5)
	}
	t.Logf("%d events acknowledged, %d streams failed", c.total(), c.failed.Load())
}
