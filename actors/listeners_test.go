package actors

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// TestListeners tells those who listen, and in no more haste than the pace allows.
func TestListeners(t *testing.T) {
	h := &Home{System: actor.NewActorSystem()}
	var mu sync.Mutex
	var told []*actor.PID
	list := make([]*actor.PID, 12)
	for i := range list {
		list[i] = h.System.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if _, ok := c.Message().(*Merge); ok {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, c.Self())
			}
		}, WithMailbox(h)))
		h.Listeners.Add("a", list[i])
	}
	h.Listeners.Add("b", list[0])
	h.Listeners.Remove("a", list[1])
	h.Listeners.Remove("a", list[1])
	h.Limits.Pace = 100
	begin := time.Now()
	h.TellListeners("a", &Merge{})
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("11 users were told in %v, at a pace of 100 a second", took)
	}
	if len(told) != 11 || slices.Contains(told, list[1]) {
		t.Errorf("%d users were told, want all but one of 12, once each", len(told))
	}
	for _, pid := range list {
		h.Listeners.Remove("a", pid)
	}
	h.Listeners.Remove("b", list[0])
	if len(h.Listeners.apps) != 0 {
		t.Errorf("%d apps are kept though nobody listens", len(h.Listeners.apps))
	}
}
