package load

import "context"

// unicast publishes to one user at a time, each with its connections open.
func unicast(ctx context.Context, w *worker) error {
	if w.b.topic == "" {
		if err := w.readBase(ctx); err != nil {
			return err
		}
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	return w.exchange(ctx)
}

// exchange publishes to users chosen by chance and sees that all arrives.
func (w *worker) exchange(ctx context.Context) error {
	w.say("publishing")
	feed := w.one
	if w.cfg.Batch > 0 {
		feed = w.many
	}
	if w.b.each {
		feed = w.own
	}
	if err := w.publish(ctx, feed); err != nil {
		return err
	}
	w.b.barrier.wait(w.now)
	if err := w.drain(ctx); err != nil {
		return err
	}
	return w.verify(ctx)
}

func (w *worker) one(p *publisher, due int64) bool {
	p.message(w.random.IntN(len(w.users)), due)
	return true
}

func (w *worker) many(p *publisher, due int64) bool {
	w.lot = w.lot[:0]
	for range w.cfg.Batch {
		w.lot = append(w.lot, w.random.IntN(len(w.users)))
	}
	p.batch(w.lot, due)
	return true
}
