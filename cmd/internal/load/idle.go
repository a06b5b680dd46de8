package load

import "context"

// idle opens connections and lets them be: what is measured is memory a
// connection and the processor's time for heartbeats. The measured time should
// be at least a minute, after a warm-up in which the server gives memory back.
func idle(ctx context.Context, w *worker) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.b.measureConnected(w)
	w.say("connected")
	w.measure(w.b.barrier.wait(w.now))
	return w.measured(ctx)
}
