package actors

import (
	"runtime"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Listeners are the users of a node who are to hear of broadcasts at once, by app. Others
// who are awake find them with their next message. The zero value has none.
type Listeners struct {
	mu   sync.Mutex
	apps map[string]map[*actor.PID]struct{}
}

// Add takes in a user. Whatever was broadcast before Add returns is not told; so the user
// looks at the log afterwards.
func (l *Listeners) Add(app string, pid *actor.PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.apps == nil {
		l.apps = map[string]map[*actor.PID]struct{}{}
	}
	if l.apps[app] == nil {
		l.apps[app] = map[*actor.PID]struct{}{}
	}
	l.apps[app][pid] = struct{}{}
}

// Remove lets a user go. It may come twice.
func (l *Listeners) Remove(app string, pid *actor.PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.apps[app], pid); len(l.apps[app]) == 0 {
		delete(l.apps, app)
	}
}

// of returns the users of an app.
func (l *Listeners) of(app string) []*actor.PID {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*actor.PID, 0, len(l.apps[app]))
	for pid := range l.apps[app] {
		list = append(list, pid)
	}
	return list
}

// toldAtOnce is how many users are told before others may run.
const toldAtOnce = 32

// TellListeners sends a message to the users of an app who listen, no more a second than
// Limits.Pace. It returns when all have it.
func (h *Home) TellListeners(app string, m any) {
	begin, each := time.Now(), time.Second/time.Duration(h.Limits.Pace)
	step := max(1, min(toldAtOnce, h.Limits.Pace/10))
	for i, pid := range h.Listeners.of(app) {
		h.Send(pid, m)
		if n := i + 1; n%step == 0 {
			runtime.Gosched()
			time.Sleep(time.Duration(n)*each - time.Since(begin))
		}
	}
}
