package transports

import (
	"hash/maphash"
	"sync"
)

// A Recent is a map with a bound that keeps what was used lately. It fills one
// generation; when that holds half the bound, it becomes the old one and the
// one before is forgotten; what is found in the old one moves to the new. So
// the cost is two maps and no list, and a hot entry is never forgotten. It is
// safe for concurrent use.
type Recent[K comparable, V any] struct {
	seed   maphash.Seed
	shards [16]recentShard[K, V]
}

type recentShard[K comparable, V any] struct {
	mu         sync.RWMutex
	half       int
	young, old map[K]V
}

// NewRecent returns a map of at most size entries, rounded up to 32.
func NewRecent[K comparable, V any](size int) *Recent[K, V] {
	r := &Recent[K, V]{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].half = max(1, size/(2*len(r.shards)))
		r.shards[i].young = map[K]V{}
	}
	return r
}

// Get returns the entry of the key, if it is still there.
func (r *Recent[K, V]) Get(key K) (V, bool) {
	s := r.shard(key)
	s.mu.RLock()
	v, ok := s.young[key]
	s.mu.RUnlock()
	if ok {
		return v, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revive(key)
}

// Put sets the entry of the key.
func (r *Recent[K, V]) Put(key K, v V) {
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(key, v)
}

// GetOrPut returns the entry of the key, made if it is not there.
func (r *Recent[K, V]) GetOrPut(key K, make func() V) V {
	s := r.shard(key)
	s.mu.RLock()
	v, ok := s.young[key]
	s.mu.RUnlock()
	if ok {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.revive(key); ok {
		return v
	}
	v = make()
	s.set(key, v)
	return v
}

// Len returns the number of entries.
func (r *Recent[K, V]) Len() int {
	n := 0
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}

func (r *Recent[K, V]) shard(key K) *recentShard[K, V] {
	return &r.shards[maphash.Comparable(r.seed, key)%uint64(len(r.shards))]
}

// revive returns the entry and moves it out of the old generation.
func (s *recentShard[K, V]) revive(key K) (V, bool) {
	if v, ok := s.young[key]; ok {
		return v, true
	}
	v, ok := s.old[key]
	if ok {
		s.set(key, v)
	}
	return v, ok
}

// set puts the entry into the young generation, and turns it old when full.
func (s *recentShard[K, V]) set(key K, v V) {
	delete(s.old, key)
	s.young[key] = v
	if len(s.young) >= s.half {
		s.old, s.young = s.young, map[K]V{}
	}
}
