package judges

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/catalog"
)

// byDefault is the name of the policy of messages that name none.
const byDefault = "default"

// fresh is how long what stands under a name is taken for what stands there still.
const fresh = time.Second

// maxKnown is how many names and versions are remembered; then all are read again.
const maxKnown = 10_000

// A Book remembers the policies of all apps. It is safe for concurrent use, and who asks
// for what is known takes no lock.
type Book struct {
	catalog *catalog.Catalog

	mu    sync.Mutex // held while a place is added
	known atomic.Pointer[map[place]*shelf]
}

// A place is where a policy stands: version 0 is the one that holds now.
type place struct {
	app, name string
	version   uint64
}

// A shelf is what is remembered of a place.
type shelf struct {
	page   atomic.Pointer[page]
	asking atomic.Bool // somebody reads it again
}

// A page is what was found.
type page struct {
	policy *actors.Policy // nil: there is none
	read   time.Time      // by the monotonic clock
}

// New returns a Book of what a catalog has.
func New(c *catalog.Catalog) *Book {
	b := &Book{catalog: c}
	b.known.Store(&map[place]*shelf{})
	return b
}

// Of returns the policy of an app's message that names one in a version; 0: the one that
// holds now. Without a name it is the app's default; nil: there is none. A name without a
// policy is Invalid.
func (b *Book) Of(ctx context.Context, app, name string, version uint64) (*actors.Policy, error) {
	at := place{app, name, version}
	if name == "" {
		at = place{app: app, name: byDefault}
	}
	p, err := b.find(ctx, at)
	if err == nil && p == nil && name != "" {
		err = &actors.Error{Code: actors.Invalid, Field: "policy", Detail: "there is no policy " + name + ", or not in this version"}
	}
	return p, err
}

// find returns what stands at a place; nil: nothing.
func (b *Book) find(ctx context.Context, at place) (*actors.Policy, error) {
	known := (*b.known.Load())[at]
	if known == nil {
		p, err := b.read(ctx, at, nil)
		if err == nil && (p.policy != nil || at.version == 0) { // a version that there is not may be written yet
			b.add(at, p)
		}
		return p.policy, err
	}
	last := known.page.Load()
	if at.version != 0 || time.Since(last.read) < fresh || !known.asking.CompareAndSwap(false, true) {
		return last.policy, nil
	}
	defer known.asking.Store(false)
	p, err := b.read(ctx, at, last.policy)
	if err == nil {
		known.page.Store(&p)
	}
	return p.policy, err
}

// read reads what stands at a place. Where it is what stood there before, that stays in
// memory, once for all messages.
func (b *Book) read(ctx context.Context, at place, before *actors.Policy) (page, error) {
	p := page{read: time.Now()}
	e, err := b.catalog.Read(ctx, at.app, at.name, at.version)
	switch {
	case err == nil && before != nil && before.Version == e.Version:
		p.policy = before
	case err == nil:
		p.policy = &actors.Policy{Name: e.Name, Version: e.Version, Body: e.Body}
	case actors.AsError(err).Code != actors.NotFound:
		return p, err
	}
	return p, nil
}

// add remembers what was found at a place that was not known.
func (b *Book) add(at place, p page) {
	b.mu.Lock()
	defer b.mu.Unlock()
	more := map[place]*shelf{}
	if known := *b.known.Load(); len(known) < maxKnown {
		more = maps.Clone(known)
	}
	s := &shelf{}
	s.page.Store(&p)
	more[at] = s
	b.known.Store(&more)
}
