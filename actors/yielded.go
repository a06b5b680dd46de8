package actors

// A yielded is the will of a connection whose session another one has taken. It
// is published unless the client has said goodbye there, which may be heard
// later than the CONNECT that came behind it by another way. It is in the journal,
// and so outlives a crash and a move. That of a session which ends with its
// connection is with that connection, and dies with its node.
type yielded struct {
	epoch uint64 // of the session then
	will  *Will
	at    int64 // when it is not waited for any longer, unix milliseconds
	next  *yielded

	publishing bool // it is on its way; not stored
}

// yields returns how many wills wait so.
func (s *sessions) yields() (n int) {
	for y := s.yielded; y != nil; y = y.next {
		n++
	}
	return n
}

// yieldedAt returns the one of an epoch, or nil.
func (s *sessions) yieldedAt(epoch uint64) *yielded {
	for y := s.yielded; y != nil; y = y.next {
		if y.epoch == epoch {
			return y
		}
	}
	return nil
}

// applyYielded takes in that a will waits for a goodbye, or does no more. It
// returns the epoch of a will that nobody needs any more; 0: there is none.
func (s *sessions) applyYielded(c *SessionChange) (settled uint64) {
	if t := s.find(c.Client); c.Yields && t != nil && t.will != nil {
		s.yielded = &yielded{epoch: t.epoch, will: t.will, at: c.WillAt, next: s.yielded}
	}
	if c.Settled == 0 {
		return 0
	}
	for at := &s.yielded; *at != nil; at = &(*at).next {
		if y := *at; y.epoch == c.Settled {
			*at = y.next
			return y.epoch
		}
	}
	return 0
}

// storedYielded returns them as a snapshot has them.
func (s *sessions) storedYielded() (list []*YieldedWill) {
	for y := s.yielded; y != nil; y = y.next {
		list = append(list, &YieldedWill{Epoch: y.epoch, Will: y.will, At: y.at})
	}
	return list
}

// restoreYielded takes in those of a snapshot.
func (s *sessions) restoreYielded(list []*YieldedWill) {
	for at := &s.yielded; len(list) > 0; at, list = &(*at).next, list[1:] {
		*at = &yielded{epoch: list[0].Epoch, will: list[0].Will, at: list[0].At}
	}
	s.rearm()
}
