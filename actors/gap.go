package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Gap is why a journal can't be read to its end: after event After comes
// Next. What Load has passed on before is whole.
type Gap struct {
	Key         Key
	After, Next uint64
}

// Error implements error.
func (g *Gap) Error() string {
	return fmt.Sprintf("the journal of %q has a hole: after event %d comes %d", g.Key, g.After, g.Next)
}

// AsideKind is the kind of the records of what was kept aside; the keys are the
// actor's key, a slash, and the first seq in 16 hexadecimal digits.
const AsideKind = "aside"

// Aside is what lay beyond a hole in a journal. The actor has gone on from the
// event before the hole.
type Aside struct {
	Key    string    `json:"key"`
	After  uint64    `json:"after"` // the last event before the hole
	First  uint64    `json:"first"` // of Events
	Last   uint64    `json:"last"`
	At     time.Time `json:"at"`     // when it was found
	Events [][]byte  `json:"events"` // as they were stored
}

// KeepAside is how long an Aside is kept: what an operator does not take out of
// it by then leaves the disk, for it may hold what users have deleted.
const KeepAside = 30 * 24 * time.Hour

// asideBytes is how much of events one record holds; a larger event has one of
// its own.
const asideBytes = 1 << 20

// A Beyond is what an actor has to delete when it goes on before a hole.
type Beyond struct{ Runs []Range }

// Read reads an actor's state. If its journal has a hole, what lies beyond is
// kept aside, and the state is the last whole one: the actor is to go on from
// there (beyond).
func (h *Home) Read(key Key, load func(context.Context) error) (*Beyond, error) {
	ctx := context.Background()
	err := load(ctx)
	var g *Gap
	if !errors.As(err, &g) || h.Records == nil {
		return nil, err
	}
	list, err := h.beyond(ctx, g)
	if err != nil {
		return nil, err
	}
	b, events := &Beyond{}, 0
	for _, a := range list {
		value, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		if err := h.Records.PutRecord(ctx, AsideKind, fmt.Sprintf("%s/%016x", key, a.First), value); err != nil {
			return nil, fmt.Errorf("keep aside what lies beyond a hole: %w", err)
		}
		b.Runs = ExtendRanges(b.Runs, Range{a.First, a.Last})
		events += len(a.Events)
	}
	h.Metrics.Gaps.Inc()
	h.Log.Error("a journal has a hole: events are missing; the actor goes on from the event before it, what comes after was kept aside",
		"actor", string(key), "after", g.After, "next", g.Next, "aside", events)
	return b, nil
}

// beyond reads what lies beyond a hole.
func (h *Home) beyond(ctx context.Context, g *Gap) (list []Aside, err error) {
	size := asideBytes
	err = h.Journal.Events(ctx, g.Key, g.Next, math.MaxUint64, func(seq uint64, event []byte) bool {
		if size += len(event); size > asideBytes {
			list = append(list, Aside{Key: string(g.Key), After: g.After, First: seq, At: time.UnixMilli(h.Now()).UTC()})
			size = len(event)
		}
		a := &list[len(list)-1]
		a.Last, a.Events = seq, append(a.Events, append([]byte(nil), event...))
		return true
	})
	return list, err
}
