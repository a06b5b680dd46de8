package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"reddot/actors"
	"reddot/actors/rule"
)

// kind is that of the records, whose keys are "app/name".
const kind = "quota"

// The bounds of a table, and of a portion.
const (
	maxCounters = 10_000           // quotas that a node spends of at a time
	part        = 128              // a portion is at most the 128th part of what is left,
	crowdPart   = 32               // or the 32nd where as many wait,
	maxPortion  = 1000             // and so many
	maxSwaps    = 50               // how often a record is swapped that others swap meanwhile
	patience    = 10 * time.Second // of one refill
)

// A Table is what a node has of quotas. It implements rule.Quotas.
type Table struct {
	records actors.SwapRecords
	now     func() int64 // unix milliseconds

	mu       sync.Mutex
	counters map[place]*counter
	spent    int64 // since the start
}

var _ rule.Quotas = (*Table)(nil)

// place is a quota of an app as a policy has it.
type place struct {
	app string
	rule.Quota
}

// A counter is what is left here of a quota. It belongs to the table's mutex.
type counter struct {
	ends    int64 // of the window, unix milliseconds
	left    int64
	over    bool // nothing is left anywhere
	filling bool
	waiting []func(error)
}

// New returns the table of a node.
func New(records actors.SwapRecords, now func() int64) *Table {
	return &Table{records: records, now: now, counters: map[place]*counter{}}
}

// Left implements rule.Quotas.
func (t *Table) Left(app string, q rule.Quota) (n int64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters[place{app, q}]
	if c == nil || t.now() >= c.ends {
		return 0, false
	}
	return c.left, c.over || c.left > 0
}

// Spend implements rule.Quotas.
func (t *Table) Spend(app string, q rule.Quota, n int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters[place{app, q}]
	if c == nil || t.now() >= c.ends || c.left < n {
		return n <= 0 // what is given back of a window that is over is of no use
	}
	c.left -= n
	t.spent += n
	return true
}

// Spent returns how many were spent here since the start.
func (t *Table) Spent() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spent
}

// Refill implements rule.Quotas.
func (t *Table) Refill(app string, q rule.Quota, done func(error)) {
	at := place{app, q}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters[at]
	if c == nil {
		if c = t.add(at); c == nil {
			if done != nil {
				go done(actors.Errorf(actors.Busy, "too many quotas are spent at a time"))
			}
			return
		}
	}
	if done != nil {
		c.waiting = append(c.waiting, done)
	}
	if !c.filling {
		c.filling = true
		go t.fill(at, c)
	}
}

// add adds a counter; nil: there is no room. The caller holds mu.
func (t *Table) add(at place) *counter {
	if len(t.counters) >= maxCounters {
		now := t.now()
		for k, c := range t.counters {
			if c.ends <= now && !c.filling {
				delete(t.counters, k)
			}
		}
		if len(t.counters) >= maxCounters {
			return nil
		}
	}
	c := &counter{}
	t.counters[at] = c
	return c
}

// fill takes a portion, unless there is one, and tells those who wait.
func (t *Table) fill(at place, c *counter) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := t.take(ctx, at, c)
	t.mu.Lock()
	waiting := c.waiting
	c.waiting, c.filling = nil, false
	t.mu.Unlock()
	for _, done := range waiting {
		done(err)
	}
}

// A record is how much of a quota was taken.
type record struct {
	Ends  int64 `json:"ends"` // of the window, unix milliseconds
	Per   int64 `json:"per"`
	Taken int64 `json:"taken"`
}

// take takes a portion.
func (t *Table) take(ctx context.Context, at place, c *counter) error {
	for range maxSwaps {
		t.mu.Lock()
		now, crowd := t.now(), int64(len(c.waiting))
		has := now < c.ends && (c.over || c.left > 0)
		t.mu.Unlock()
		if has {
			return nil
		}
		raw, r, err := t.read(ctx, at.app, at.Name)
		if err != nil {
			return err
		}
		if r.Per != at.Per || r.Ends <= now {
			r = record{Ends: at.Ends(now), Per: at.Per}
		}
		n := portion(at.Max-r.Taken, crowd)
		if n == 0 {
			t.put(c, r.Ends, 0)
			return nil
		}
		r.Taken += n
		err = t.swap(ctx, at.app, at.Name, raw, r)
		if err == nil {
			t.put(c, r.Ends, n)
			return nil
		}
		if actors.AsError(err).Code != actors.Conflict {
			return err
		}
	}
	return actors.Errorf(actors.Busy, "all take of the quota %s at once; try again", at.Name)
}

// portion returns how much is taken of what is left, where so many wait.
func portion(left, crowd int64) int64 {
	if left <= 0 {
		return 0
	}
	return max(1, min(max(left/part, min(crowd, left/crowdPart)), maxPortion))
}

// put puts a portion in force; 0: nothing is left anywhere.
func (t *Table) put(c *counter, ends, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.ends != ends {
		c.ends, c.left = ends, 0
	}
	c.left, c.over = c.left+n, n == 0
}

func key(app, name string) string { return app + "/" + name }

// read returns a record; an empty one: there is none.
func (t *Table) read(ctx context.Context, app, name string) (raw []byte, r record, err error) {
	raw, err = t.records.ReadRecord(ctx, kind, key(app, name))
	if err != nil {
		if actors.AsError(err).Code == actors.NotFound {
			return nil, r, nil
		}
		return nil, r, fmt.Errorf("quota %s: read: %w", name, err)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, r, fmt.Errorf("quota %s: decode: %w", name, err)
	}
	return raw, r, nil
}

func (t *Table) swap(ctx context.Context, app, name string, old []byte, r record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("quota %s: encode: %w", name, err)
	}
	if err := t.records.SwapRecord(ctx, kind, key(app, name), old, raw); err != nil {
		return fmt.Errorf("quota %s: store: %w", name, err)
	}
	return nil
}

// Close gives back what is left here. Nothing is spent afterwards.
func (t *Table) Close(ctx context.Context) error {
	t.mu.Lock()
	left := map[place]counter{}
	now := t.now()
	for at, c := range t.counters {
		if c.left > 0 && now < c.ends {
			left[at] = counter{ends: c.ends, left: c.left}
		}
		c.left = 0
	}
	t.mu.Unlock()
	var errs []error
	for at, c := range left {
		errs = append(errs, t.giveBack(ctx, at, c.ends, c.left))
	}
	return errors.Join(errs...)
}

func (t *Table) giveBack(ctx context.Context, at place, ends, n int64) error {
	for range maxSwaps {
		raw, r, err := t.read(ctx, at.app, at.Name)
		if err != nil || r.Ends != ends || r.Per != at.Per {
			return err // its window is over
		}
		r.Taken = max(0, r.Taken-n)
		if err = t.swap(ctx, at.app, at.Name, raw, r); err == nil || actors.AsError(err).Code != actors.Conflict {
			return err
		}
	}
	return nil // it counts as spent
}
