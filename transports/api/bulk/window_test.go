package bulk

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/transports/api/userjson"
)

// heldRouter keeps requests, which nobody answers before that is asked for.
type heldRouter struct {
	actors.Router
	mu   sync.Mutex
	held []*actors.Request
}

func (h *heldRouter) Send(_ actors.Key, m any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, m.(*actors.Request))
}

func (h *heldRouter) answer() (n int) {
	h.mu.Lock()
	list := h.held
	h.held = nil
	h.mu.Unlock()
	for _, r := range list {
		r.Respond()
	}
	return len(list)
}

// TestWindowBytes: long lines under way are bounded in bytes, not in number alone, and
// leave no memory behind; a line that is longer than the bound goes alone.
func TestWindowBytes(t *testing.T) {
	h := &heldRouter{}
	w := (&window{
		router: h, app: actors.DefaultApp, patch: true, answer: time.Hour, patience: time.Hour,
		once: func(int, []byte) actors.Once { return actors.Once{} },
	}).ready(1000)
	text := []byte(fmt.Sprintf(`{"user":"a","tags":["x"]%s}`, strings.Repeat(" ", 1<<20)))
	const lines = 20
	added := make(chan struct{})
	go func() {
		defer close(added)
		for i := range lines {
			w.add(&line{text: text}, i+1, &userjson.Reader{})
		}
	}()
	taken, most := 0, 0
	for end := time.Now().Add(actorstest.Patience); taken < lines; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d lines came through", taken, lines)
		}
		w.mu.Lock()
		most = max(most, w.bytes)
		w.mu.Unlock()
		h.answer()
		list, _, _ := w.take(nil)
		taken += len(list)
	}
	<-added
	if most > windowBytes || w.bytes != 0 {
		t.Errorf("up to %d bytes were under way, and %d are", most, w.bytes)
	}
	for i := range w.slots {
		if n := cap(w.slots[i].text); n > keptText {
			t.Fatalf("a slot keeps %d bytes", n)
		}
	}
	if !w.add(&line{text: append(text, make([]byte, windowBytes)...)}, 1, &userjson.Reader{}) {
		t.Error("a line alone does not fit")
	}
}
