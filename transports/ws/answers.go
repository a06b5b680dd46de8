package ws

import "sync"

// answers puts the answers to a client's frames into the order of the frames.
// Its zero value with a limit is ready.
type answers struct {
	limit int

	mu    sync.Mutex
	slots []*slot // of frames not answered yet, the oldest first
}

// slot is the place of one answer.
type slot struct {
	frame []byte
	done  bool
}

// reserve keeps a place for an answer, or returns nil if too many are under
// way.
func (a *answers) reserve() *slot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.slots) >= a.limit {
		return nil
	}
	s := &slot{}
	a.slots = append(a.slots, s)
	return s
}

// fill puts the answer in its place, and sends all whose turn has come. send
// must not block.
func (a *answers) fill(s *slot, frame []byte, send func([]byte) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.frame, s.done = frame, true
	n := 0
	var ready []byte
	for n < len(a.slots) && a.slots[n].done {
		if n == 0 {
			ready = a.slots[0].frame
		} else {
			ready = append(ready, a.slots[n].frame...)
		}
		n++
	}
	if n == 0 {
		return nil
	}
	if a.slots = a.slots[n:]; len(a.slots) == 0 {
		a.slots = nil
	}
	return send(ready)
}
