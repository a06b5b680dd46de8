package screening

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/keywords"
)

// Config says what is kept. Zero takes the default.
type Config struct {
	Lists    int              // of one app, deleted ones too for a day; 50
	Words    int              // of one list; 100,000
	AppWords int              // of all lists of an app; 200,000
	Now      func() time.Time // the wall clock; needed
	Changed  func()           // is told of each change that is durable, for other nodes; nil: nobody
}

func (c Config) withDefaults() Config {
	if c.Lists == 0 {
		c.Lists = 50
	}
	if c.Words == 0 {
		c.Words = 100_000
	}
	if c.AppWords == 0 {
		c.AppWords = 200_000
	}
	return c
}

// Lists are the keyword lists of all apps. They are safe for concurrent use, also by
// several nodes on the same records. Nil Lists screen nothing.
type Lists struct {
	cfg     Config
	records actors.SwapRecords
	screens atomic.Pointer[map[string]*Screen] // by app; those that have words

	mu   sync.Mutex // held for a look or a change of what follows
	apps map[string]map[string]*list
}

// A list is what this node knows of one.
type list struct {
	app, name string
	turn      chan struct{} // who changes it holds what is in it

	buckets [buckets]uint64 // a hash of each, as it is in set; guarded by turn
	gone    bool            // it is not among the lists any more; guarded by turn

	// What is written with the turn and Lists.mu, and read with one of them.
	seen  string // the mark's id up to which the words are known; empty: read them
	set   *keywords.Set
	there bool // it has a mark, and is not deleted
	kept  bool // it has a mark
	at    time.Time
}

// New returns the lists that are kept in the records. Reload reads them.
func New(cfg Config, records actors.SwapRecords) *Lists {
	l := &Lists{cfg: cfg.withDefaults(), records: records, apps: map[string]map[string]*list{}}
	l.screens.Store(&map[string]*Screen{})
	return l
}

// take returns a list, known or not, which is the caller's until it calls leave.
func (l *Lists) take(ctx context.Context, app, name string) (*list, error) {
	for {
		l.mu.Lock()
		ls := l.apps[app][name]
		if ls == nil {
			ls = &list{app: app, name: name, turn: make(chan struct{}, 1)}
			if l.apps[app] == nil {
				l.apps[app] = map[string]*list{}
			}
			l.apps[app][name] = ls
		}
		l.mu.Unlock()
		select {
		case ls.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, &actors.Error{Code: actors.Busy, Detail: "another change of this keyword list goes on; try again", Cause: context.Cause(ctx)}
		}
		if !ls.gone {
			return ls, nil
		}
		<-ls.turn // it was forgotten meanwhile
	}
}

// leave gives a list back. One that has no mark is forgotten.
func (l *Lists) leave(ls *list) {
	l.mu.Lock()
	if !ls.kept {
		ls.gone = true
		delete(l.apps[ls.app], ls.name)
		if len(l.apps[ls.app]) == 0 {
			delete(l.apps, ls.app)
		}
	}
	l.mu.Unlock()
	<-ls.turn
}

// put puts what is known of a list in force.
func (l *Lists) put(ls *list, m *mark, set *keywords.Set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ls.kept = m != nil
	ls.there = ls.kept && !m.Removed
	ls.set, ls.seen = set, m.id()
	if ls.kept {
		ls.at = m.At
	}
	screens := maps.Clone(*l.screens.Load())
	if s := newScreen(l.apps[ls.app]); s != nil {
		screens[ls.app] = s
	} else {
		delete(screens, ls.app)
	}
	l.screens.Store(&screens)
}

// count returns how many lists and words an app has.
func (l *Lists) count(app string) (lists, words int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ls := range l.apps[app] {
		if ls.kept {
			lists++
			words += ls.set.Len()
		}
	}
	return lists, words
}

// Of returns what the app's texts are screened by; nil: it has no keywords.
func (l *Lists) Of(app string) *Screen {
	if l == nil {
		return nil
	}
	return (*l.screens.Load())[app]
}

// An Overview is what is shown of a list.
type Overview struct {
	Name      string    `json:"name"`
	Words     int       `json:"words"`
	UpdatedAt time.Time `json:"updated_at"`
}

// List returns up to limit of the app's lists in the order of their names, behind one, and
// the name behind which to go on; empty: there are no more.
func (l *Lists) List(app, after string, limit int) (all []Overview, next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all = []Overview{}
	for _, name := range slices.Sorted(maps.Keys(l.apps[app])) {
		ls := l.apps[app][name]
		if !ls.there || name <= after {
			continue
		}
		if len(all) == limit {
			return all, all[limit-1].Name
		}
		all = append(all, Overview{name, ls.set.Len(), ls.at})
	}
	return all, ""
}

// known returns a list's words as they are known; nil, false: there is no such list.
func (l *Lists) known(app, name string) (*keywords.Set, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ls := l.apps[app][name]
	if ls == nil || !ls.there {
		return nil, false
	}
	return ls.set, true
}

func notFound(name string) error {
	return actors.Errorf(actors.NotFound, "there is no keyword list %s", name)
}
