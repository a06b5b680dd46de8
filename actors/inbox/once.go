package inbox

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"reddot/actors"
)

// How long idempotency keys are kept, and how many a user.
const (
	edgeKeyAge  = 2 * 60 * 1000 // milliseconds; of those of callers: actors.CallerKeyAge
	maxOnceKeys = 10_000        // of each sort

	// lastEdgeKeys is for how many changes of the user an edge's key is kept
	// whatever its time: clocks step, and those of two nodes differ.
	lastEdgeKeys = 64
)

// onceKeys knows which writes were done, by their keys.
type onceKeys struct {
	byCaller map[[16]byte]onceKey
	order    []onceRef // the callers' keys, oldest first
	edge     []edgeKey // the edge's, in the order of the keys, which are UUIDv7s: by time
}

type onceKey struct {
	digest uint64
	id     actors.ID
	rev    uint64
	at     int64

	rule     actors.Rule // that put the message aside; PASSED: none
	gathered bool        // for a digest; else it was stopped
}

type onceRef struct {
	key [16]byte
	at  int64
}

type edgeKey struct {
	key actors.ID
	rev uint64
}

// apply remembers the key of e and forgets what is too old.
func (k *onceKeys) apply(e *actors.Event) {
	switch {
	case len(e.Once) == 0 && isPublish(e):
		k.addEdge(actors.ID(e.Message.Id), e.Rev, e.At)
	case len(e.Once) == 0:
	case e.Edge:
		k.addEdge(actors.ID(e.Once), e.Rev, e.At)
	default:
		k.addCaller(e)
	}
}

// isPublish tells whether e says what became of a message that was published.
func isPublish(e *actors.Event) bool {
	switch e.Kind {
	case actors.Kind_ACCEPTED, actors.Kind_FILTERED, actors.Kind_DIGESTED:
		return true
	}
	return false
}

func (k *onceKeys) addCaller(e *actors.Event) {
	key := onceKey{digest: e.Digest, rev: e.Rev, at: e.At}
	if e.Kind == actors.Kind_FILTERED || e.Kind == actors.Kind_DIGESTED {
		key.rule, key.gathered = e.Verdict.GetRule(), e.Kind == actors.Kind_DIGESTED
	}
	switch {
	case isPublish(e) || e.Kind == actors.Kind_EDITED:
		key.id = actors.ID(e.Message.Id)
	case e.Kind == actors.Kind_RETRACTED && len(e.Ids) >= 16:
		key.id = actors.ID(e.Ids[:16])
	}
	// What is too old goes first: it may be this very key.
	for len(k.order) > 0 && (k.order[0].at < e.At-actors.CallerKeyAge || len(k.order) >= maxOnceKeys) {
		delete(k.byCaller, k.order[0].key)
		k.order = k.order[1:]
	}
	k.put([16]byte(e.Once), key)
}

func (k *onceKeys) put(once [16]byte, key onceKey) {
	if k.byCaller == nil {
		k.byCaller = make(map[[16]byte]onceKey)
	}
	if _, ok := k.byCaller[once]; !ok {
		k.order = append(k.order, onceRef{once, key.at})
	}
	k.byCaller[once] = key
}

// prune forgets what is too old.
func (k *onceKeys) prune(now int64) {
	for len(k.order) > 0 && k.order[0].at < now-actors.CallerKeyAge {
		delete(k.byCaller, k.order[0].key)
		k.order = k.order[1:]
	}
	old := 0
	for old < len(k.edge) && k.edge[old].key.Millis() < now-edgeKeyAge {
		old++
	}
	k.edge = k.edge[old:]
}

// addEdge puts the key in its place, which is at or near the end.
func (k *onceKeys) addEdge(key actors.ID, rev uint64, now int64) {
	i := len(k.edge)
	for i > 0 && bytes.Compare(k.edge[i-1].key[:], key[:]) > 0 {
		i--
	}
	k.edge = slices.Insert(doubled(k.edge), i, edgeKey{key, rev})
	if len(k.edge) > maxOnceKeys {
		k.halve()
	}
	old := 0
	for old < len(k.edge) && k.edge[old].key.Millis() < now-edgeKeyAge && k.edge[old].rev+lastEdgeKeys < rev {
		old++
	}
	k.edge = k.edge[old:]
}

// halve forgets those of the edge's keys that came first. They need not be the
// lowest ones: after a clock has stepped back, new keys are lower.
func (k *onceKeys) halve() {
	revs := make([]uint64, len(k.edge))
	for i := range k.edge {
		revs[i] = k.edge[i].rev
	}
	slices.Sort(revs)
	drop := len(revs) / 2
	middle := revs[drop]
	k.edge = slices.DeleteFunc(k.edge, func(e edgeKey) bool {
		if drop > 0 && e.rev <= middle {
			drop--
			return true
		}
		return false
	})
}

// doubled returns s with room for another one, twice as much where there is
// none: append would copy a long list four times as often, and again and again
// where what is old leaves at the front.
func doubled[E any](s []E) []E {
	if len(s) < cap(s) {
		return s
	}
	return slices.Grow(s, len(s)+1)
}

// clone returns a copy that can be changed.
func (k *onceKeys) clone() onceKeys {
	return onceKeys{byCaller: maps.Clone(k.byCaller), order: slices.Clone(k.order), edge: slices.Clone(k.edge)}
}

// caller returns what was done under a caller's key.
func (k *onceKeys) caller(once [16]byte, now int64) (onceKey, bool) {
	key, ok := k.byCaller[once]
	return key, ok && key.at >= now-actors.CallerKeyAge
}

// atEdge returns the rev of what was done under a key made at the edge.
func (k *onceKeys) atEdge(key actors.ID) (rev uint64, ok bool) {
	n := len(k.edge)
	if n == 0 || bytes.Compare(key[:], k.edge[n-1].key[:]) > 0 {
		return 0, false // newer than all: the usual case
	}
	i, ok := slices.BinarySearchFunc(k.edge, key, func(e edgeKey, key actors.ID) int {
		return bytes.Compare(e.key[:], key[:])
	})
	if !ok {
		return 0, false
	}
	return k.edge[i].rev, true
}

// packEdge returns the edge's keys as a snapshot holds them.
func (k *onceKeys) packEdge() []byte {
	b := make([]byte, 0, len(k.edge)*24)
	for i := range k.edge {
		b = append(b, k.edge[i].key[:]...)
		b = binary.BigEndian.AppendUint64(b, k.edge[i].rev)
	}
	return b
}

// unpackEdge is the inverse of packEdge.
func (k *onceKeys) unpackEdge(b []byte) {
	for ; len(b) >= 24; b = b[24:] {
		k.edge = append(k.edge, edgeKey{actors.ID(b[:16]), binary.BigEndian.Uint64(b[16:])})
	}
}
