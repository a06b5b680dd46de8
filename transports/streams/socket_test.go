package streams

import "testing"

// A client that attaches again and again is not closed for it.
func TestSocketTurns(t *testing.T) {
	s := &Socket{}
	s.state.Store(stateKeeps)
	last := s.state.Load() & generationMask
	for n := range 600 {
		turn := s.nextGeneration()
		if state := s.state.Load(); turn == last || state&generationMask != turn || state&^generationMask != stateKeeps {
			t.Fatalf("attachment %d: turn %x, state %x", n, turn, state)
		}
		last = turn
	}
}
