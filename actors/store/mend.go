package store

import (
	"math/rand/v2"
	"time"

	"reddot/actors"
)

// A mender is an engine that can work again after an error.
type mender interface {
	// mend makes the engine work again. It is asked until it returns nil.
	mend() error
	// ping tells whether the engine works, when there is nothing to commit.
	ping() error
}

// The pauses of a writer whose engine can be mended.
const (
	pingPause    = time.Second
	mendPause    = 20 * time.Millisecond // doubled each time
	mendPauseMax = time.Second
)

// sleep waits until the writer is roused. If that takes long, it looks whether
// the engine still works: nobody else would notice.
func (w *writer) sleep() {
	if w.mender == nil {
		<-w.wake
		return
	}
	t := time.NewTimer(pingPause)
	defer t.Stop()
	select {
	case <-w.wake:
		return
	case <-t.C:
	}
	w.mu.Lock()
	roused := !w.asleep
	w.asleep = false
	w.mu.Unlock()
	if roused {
		<-w.wake
		return
	}
	if err := w.mender.ping(); err != nil {
		w.await(err)
	}
}

// mend settles the batch and all that is queued with the error and waits until
// the engine works again; meanwhile no write is taken. False means that the
// writer has ended.
func (w *writer) mend(cause error) bool {
	w.enter(working)
	if w.await(cause) {
		return true
	}
	w.settleRest()
	return false
}

// await waits until the engine works again; false: the writer is to end.
func (w *writer) await(cause error) bool {
	err := w.refuse(cause)
	w.settle(err)
	w.settleQueue(err)
	for pause := time.Duration(0); ; pause = min(max(2*pause, mendPause), mendPauseMax) {
		select {
		case <-w.halt:
			return false
		case <-time.After(pause + rand.N(pause/4+1)):
		}
		err := w.mender.mend()
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
func (w *writer) refuse(cause error) *actors.Error {
	err := &actors.Error{Code: actors.Unavailable, Detail: "the store does not work at the moment; try again", RetryAfter: time.Second, Cause: cause}
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	return err
}
