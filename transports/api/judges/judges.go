package judges

import (
	"context"
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

// A Book remembers the policies of all apps. It is safe for concurrent use.
type Book struct {
	catalog *catalog.Catalog

	mu    sync.RWMutex
	known map[place]*page
}

// A place is where a policy stands: version 0 is the one that holds now.
type place struct {
	app, name string
	version   uint64
}

// A page is what was found.
type page struct {
	policy *actors.Policy // nil: there is none
	read   time.Time      // by the monotonic clock
	asking atomic.Bool    // somebody reads it again
}

// New returns a Book of what a catalog has.
func New(c *catalog.Catalog) *Book { return &Book{catalog: c, known: map[place]*page{}} }

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
	b.mu.RLock()
	known := b.known[at]
	b.mu.RUnlock()
	if known != nil && (at.version != 0 || time.Since(known.read) < fresh || !known.asking.CompareAndSwap(false, true)) {
		return known.policy, nil
	}
	read := time.Now()
	e, err := b.catalog.Read(ctx, at.app, at.name, at.version)
	found := &page{read: read}
	switch {
	case err == nil:
		found.policy = &actors.Policy{Name: e.Name, Version: e.Version, Body: e.Body}
	case actors.AsError(err).Code != actors.NotFound:
		if known != nil {
			known.asking.Store(false)
		}
		return nil, err
	case at.version != 0:
		return nil, nil // it may be written yet
	}
	if known != nil && found.policy != nil && known.policy.GetVersion() == found.policy.Version {
		found.policy = known.policy // one in memory for all messages
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= maxKnown {
		clear(b.known)
	}
	b.known[at] = found
	return found.policy, nil
}
