package streams

import "sync/atomic"

// A chunk holds so many slots.
const chunkSize = 512

type chunk [chunkSize]atomic.Pointer[Socket]

// slots are the Sockets of a node by their ids: the number of the slot in the
// low 32 bits, and in the high ones a generation, which no other Socket has
// had within four billion. So whoever kept an id finds its Socket, or nothing.
//
// Looking up takes no lock; all else is guarded by Streams.mu.
type slots struct {
	chunks     atomic.Pointer[[]*chunk]
	free       []uint32
	end        uint32 // the first slot that was never used
	generation uint32
}

// find returns the Socket with the id, or nil.
func (t *slots) find(id uint64) *Socket {
	s := t.slot(uint32(id))
	if s == nil {
		return nil
	}
	if found := s.Load(); found != nil && found.id == id {
		return found
	}
	return nil
}

func (t *slots) slot(n uint32) *atomic.Pointer[Socket] {
	chunks := t.chunks.Load()
	if chunks == nil || int(n/chunkSize) >= len(*chunks) {
		return nil
	}
	return &(*chunks)[n/chunkSize][n%chunkSize]
}

// put gives the Socket its slot and its id.
func (t *slots) put(s *Socket) {
	var n uint32
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
	} else {
		n = t.end
		t.end++
	}
	if t.slot(n) == nil {
		t.grow()
	}
	t.generation++
	s.id = uint64(t.generation)<<32 | uint64(n)
	t.slot(n).Store(s)
}

func (t *slots) grow() {
	var chunks []*chunk
	if old := t.chunks.Load(); old != nil {
		chunks = *old
	}
	// A new slice: lookups read the old one.
	chunks = append(chunks[:len(chunks):len(chunks)], new(chunk))
	t.chunks.Store(&chunks)
}

// drop frees the Socket's slot.
func (t *slots) drop(s *Socket) {
	n := uint32(s.id)
	t.slot(n).Store(nil)
	t.free = append(t.free, n)
}

// all returns the Sockets for which keep is true.
func (t *slots) all(keep func(*Socket) bool) []*Socket {
	var list []*Socket
	for n := range t.end {
		if s := t.slot(n).Load(); s != nil && keep(s) {
			list = append(list, s)
		}
	}
	return list
}
