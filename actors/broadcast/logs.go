package broadcast

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/audience"
)

// Nodes is the other nodes of the cluster.
type Nodes interface {
	// Appended lets all other nodes know of an entry. done is called when all know it that
	// can be reached. It does not block.
	Appended(app string, e *actors.LogEntry, done func())
	// Understand tells why not all of them would understand an entry for the audience; nil:
	// they do.
	Understand(a *actors.Audience) *actors.Error
	// MayHold tells whether all of them know that rules may hold what is broadcast.
	MayHold() bool
}

// Logs is what a node knows of broadcast logs. It has those of the apps whose users have been awake
// here.
type Logs struct {
	home  *actors.Home
	nodes Nodes // nil: there is one node

	mu   sync.Mutex
	apps map[string]*known
}

var _ actors.Broadcasts = (*Logs)(nil)

// known is one app's log, as far as it is known here.
type known struct {
	mu      sync.Mutex  // held by who extends log
	log     *actors.Log // nil: it was not read yet
	news    atomic.Bool // users are to be told
	telling atomic.Bool // somebody tells them
	doubted atomic.Bool // there may be entries that were not heard of
}

// NewLogs returns what a node knows of logs, of which it has read nothing yet.
func NewLogs(h *actors.Home) *Logs { return &Logs{home: h, apps: map[string]*known{}} }

// Join lets the other nodes hear of entries. It is called before any is written.
func (l *Logs) Join(nodes Nodes) { l.nodes = nodes }

func (l *Logs) app(app string) *known {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.apps[app]
	if k == nil {
		k = &known{}
		l.apps[app] = k
	}
	return k
}

// Log implements actors.Broadcasts.
func (l *Logs) Log(ctx context.Context, app string, pos uint64) (*actors.Log, error) {
	k := l.app(app)
	k.mu.Lock()
	defer k.mu.Unlock()
	doubted := k.doubted.Swap(false)
	if k.log == nil {
		doubted = false
		log, err := l.begin(ctx, app)
		if err != nil {
			return nil, err
		}
		if err := l.extend(ctx, app, log); err != nil {
			return nil, err
		}
		k.log = log
	}
	if head := k.log.Head(); head < pos || doubted {
		if err := l.extend(ctx, app, k.log); err != nil {
			k.doubted.Store(doubted)
			return nil, err
		}
		if k.log.Head() > head {
			l.tell(app, k)
		}
	}
	if k.log.Head() < pos {
		return nil, fmt.Errorf("the broadcast log of %q ends at %d, and a user has merged it up to %d", app, k.log.Head(), pos)
	}
	return k.log, nil
}

// begin returns the log without entries, from the floor of its newest snapshot.
func (l *Logs) begin(ctx context.Context, app string) (*actors.Log, error) {
	raw, err := l.home.Journal.Snapshot(ctx, actors.LogKey(app), math.MaxInt64)
	if err != nil || raw == nil {
		return actors.NewLog(0, compile), err
	}
	s, err := decodeState(raw)
	if err != nil {
		return nil, err
	}
	return actors.NewLog(s.Floor, compile), nil
}

// compile implements actors.Compile.
func compile(where string) (any, error) { return audience.Check(where) }

// extend reads what the journal has behind the log's head.
func (l *Logs) extend(ctx context.Context, app string, log *actors.Log) error {
	var failed error
	err := l.home.Journal.Events(ctx, actors.LogKey(app), log.Head()+1, math.MaxInt64, func(_ uint64, raw []byte) bool {
		var e *actors.LogEntry
		if e, failed = actors.DecodeLogEntry(raw); failed == nil {
			failed = log.Extend(e)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("app %s: %w", app, err)
	}
	return nil
}

// patience is how long a broadcast's answer waits for nodes that can't be reached.
const patience = time.Second

// Appended implements actors.Broadcasts.
func (l *Logs) Appended(app string, e *actors.LogEntry, done func()) {
	if l.nodes == nil {
		l.Received(app, e, done)
		return
	}
	once := sync.OnceFunc(done)
	l.Received(app, e, func() { l.nodes.Appended(app, e, once) })
	l.home.Delay(patience, once)
}

// Understand implements actors.Broadcasts.
func (l *Logs) Understand(a *actors.Audience) *actors.Error {
	if l.nodes == nil {
		return nil
	}
	return l.nodes.Understand(a)
}

// MayHold implements actors.Broadcasts.
func (l *Logs) MayHold() bool { return l.nodes == nil || l.nodes.MayHold() }

// Received takes in an entry that is durable, and tells the users of its app who are awake
// here. done is called when it is known.
func (l *Logs) Received(app string, e *actors.LogEntry, done func()) {
	k := l.app(app)
	if !k.mu.TryLock() { // it is being read
		l.catchUp(app, e.Pos, done)
		return
	}
	known, next := k.log != nil, false
	if known {
		next = k.log.Extend(e) == nil || k.log.Head() >= e.Pos
		k.log.TrimBefore(l.home.Now() - keptFor(&l.home.Limits))
	}
	k.mu.Unlock()
	switch {
	case next:
		l.tell(app, k)
		done()
	case known:
		l.catchUp(app, e.Pos, done)
	default: // whoever wakes up reads it
		done()
	}
}

// catchUp reads the log up to pos, elsewhere.
func (l *Logs) catchUp(app string, pos uint64, done func()) {
	l.home.Load(func() {
		if _, err := l.Log(context.Background(), app, pos); err != nil {
			l.home.Log.Error("a broadcast log can't be read", "app", app, "err", err)
		}
		l.tell(app, l.app(app))
		done()
	})
}

// Doubt lets each log be read on before the next user wakes up with it: another node, which had
// the user until now, may have shown it entries that were not heard of here.
func (l *Logs) Doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.apps {
		k.doubted.Store(true)
	}
}

// Refresh reads what the journal has beyond what is known here: what was missed while
// another node could not be reached.
func (l *Logs) Refresh(ctx context.Context) {
	l.mu.Lock()
	apps := make([]string, 0, len(l.apps))
	for app := range l.apps {
		apps = append(apps, app)
	}
	l.mu.Unlock()
	for _, app := range apps {
		l.refresh(ctx, app)
	}
}

func (l *Logs) refresh(ctx context.Context, app string) {
	k := l.app(app)
	k.mu.Lock()
	if k.log == nil {
		k.mu.Unlock()
		return
	}
	before := k.log.Head()
	err := l.extend(ctx, app, k.log)
	news := k.log.Head() > before
	k.mu.Unlock()
	if err != nil {
		l.home.Log.Warn("a broadcast log can't be read", "app", app, "err", err)
	}
	if news {
		l.tell(app, k)
	}
}

// tell lets the users of an app who are awake here merge what is new, by a goroutine of its
// own. Whatever comes while they are told is told in the next round.
func (l *Logs) tell(app string, k *known) {
	k.news.Store(true)
	if !k.telling.CompareAndSwap(false, true) {
		return
	}
	l.home.Delay(0, func() {
		for k.news.Swap(false) {
			l.home.TellListeners(app, &actors.Merge{})
		}
		k.telling.Store(false)
		if k.news.Load() {
			l.tell(app, k)
		}
	})
}

// Forget lets go of all logs: the store has another history.
func (l *Logs) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.apps)
}
