package session

import "reddot/actors"

// A Yielded is the will of a connection whose session another one has taken. It
// is published unless the client has said goodbye there, which may be heard
// later than the CONNECT that came behind it by another way. It is in the journal,
// and so outlives a crash and a move. That of a session which ends with its
// connection is with that connection, and dies with its node.
type Yielded struct {
	Epoch uint64 // of the session then
	Will  *actors.Will
	At    int64 // when it is not waited for any longer, unix milliseconds
	Next  *Yielded

	Publishing bool // it is on its way; not stored
}

// Yields returns how many wills wait so.
func (s *Set) Yields() (n int) {
	for y := s.Yielded; y != nil; y = y.Next {
		n++
	}
	return n
}

// YieldedAt returns the one of an epoch, or nil.
func (s *Set) YieldedAt(epoch uint64) *Yielded {
	for y := s.Yielded; y != nil; y = y.Next {
		if y.Epoch == epoch {
			return y
		}
	}
	return nil
}

// applyYielded takes in that a will waits for a goodbye, or does no more. It
// returns the epoch of a will that nobody needs any more; 0: there is none.
func (s *Set) applyYielded(c *actors.SessionChange) (settled uint64) {
	if t := s.Find(c.Client); c.Yields && t != nil && t.Will != nil {
		s.Yielded = &Yielded{Epoch: t.Epoch, Will: t.Will, At: c.WillAt, Next: s.Yielded}
	}
	if c.Settled == 0 {
		return 0
	}
	for at := &s.Yielded; *at != nil; at = &(*at).Next {
		if y := *at; y.Epoch == c.Settled {
			*at = y.Next
			return y.Epoch
		}
	}
	return 0
}

// storedYielded returns them as a snapshot has them.
func (s *Set) storedYielded() (list []*actors.YieldedWill) {
	for y := s.Yielded; y != nil; y = y.Next {
		list = append(list, &actors.YieldedWill{Epoch: y.Epoch, Will: y.Will, At: y.At})
	}
	return list
}

// restoreYielded takes in those of a snapshot.
func (s *Set) restoreYielded(list []*actors.YieldedWill) {
	for at := &s.Yielded; len(list) > 0; at, list = &(*at).Next, list[1:] {
		*at = &Yielded{Epoch: list[0].Epoch, Will: list[0].Will, At: list[0].At}
	}
	s.Rearm()
}
