package store

import (
	"math/rand/v2"
	"time"

	"reddot/actors"
)

// A Mender is an engine that can work again after an error.
type Mender interface {
	// Mend makes the engine work again. It is asked until it returns nil.
	Mend() error
	// Ping tells whether the engine works, when there is nothing to commit.
	Ping() error
}

// PingPause is how long a writer is idle before it pings an engine that can be
// mended.
const PingPause = time.Second

// The pauses between attempts to mend an engine.
const (
	mendPause    = 20 * time.Millisecond // doubled each time
	mendPauseMax = time.Second
)

// sleep waits until the writer is woken. If that takes long, it looks whether
// the engine still works: nobody else would notice.
func (w *Writer) sleep() {
	if w.mender == nil {
		<-w.wake
		return
	}
	t := time.NewTimer(PingPause)
	defer t.Stop()
	select {
	case <-w.wake:
		return
	case <-t.C:
	}
	w.mu.Lock()
	woken := !w.asleep
	w.asleep = false
	w.mu.Unlock()
	if woken {
		<-w.wake
		return
	}
	if err := w.mender.Ping(); err != nil {
		w.awaitMended(err)
	}
}

// mend settles the batch and all that is queued with the error and waits until
// the engine works again; meanwhile no write is taken. False means that the
// writer has ended.
func (w *Writer) mend(cause error) bool {
	w.enter(working)
	if w.awaitMended(cause) {
		return true
	}
	w.settleRest()
	return false
}

// awaitMended waits until the engine works again; false: the writer is to end.
func (w *Writer) awaitMended(cause error) bool {
	err := w.refuse(cause)
	w.settle(err)
	w.settleQueue(err)
	for pause := time.Duration(0); ; pause = min(max(2*pause, mendPause), mendPauseMax) {
		select {
		case <-w.halt:
			return false
		case <-time.After(pause + rand.N(pause/4+1)):
		}
		err := w.mender.Mend()
		if err == nil {
			w.mu.Lock()
			w.err = nil
			w.mu.Unlock()
			return true
		}
		_ = w.refuse(err) // what is queued was settled
	}
}

// refuse takes no more writes, and returns what they are refused with.
func (w *Writer) refuse(cause error) *actors.Error {
	err := &actors.Error{Code: actors.Unavailable, Detail: "the store does not work at the moment; try again", RetryAfter: time.Second, Cause: cause}
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	return err
}
