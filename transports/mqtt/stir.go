package mqtt

import "reddot/actors"

// A stir is what a session has only while something happens to it.
type stir struct {
	partial []byte         // what came and is not worked on
	after   []func()       // what is put off until the lock is free
	early   []actors.Waits // what has come to wait before CONNECT was answered
	will    *actors.Will   // of a session that ends with its connection
	again   asking         // the user's actor is asked for the session again
	reads   []reading      // what topics retain and is not sent yet
	paging  int            // parts of a page of it that are on their way
	parting *parting       // the session is over, and this is left
	left    bool           // the connection is closed, and what has come not worked on
}

// stirred returns the session's stir. The caller holds the lock.
func (s *session) stirred() *stir {
	if s.stir == nil {
		s.stir = &stir{}
	}
	return s.stir
}

// rest forgets the stir when it is over. The caller holds the lock.
func (s *session) rest() {
	if t := s.stir; t != nil && len(t.partial)+len(t.after)+len(t.early) == 0 && len(t.reads)+t.paging == 0 && t.will == nil && t.again == (asking{}) && t.parting == nil && !t.left {
		s.stir = nil
	}
}

// unread returns what came and is not worked on. The caller holds the lock.
func (s *session) unread() []byte {
	if s.stir == nil {
		return nil
	}
	return s.stir.partial
}

// keep lets b wait to be worked on, and nothing else. The caller holds the lock.
func (s *session) keep(b []byte) {
	if len(b) > 0 {
		s.stirred().partial = b
	} else if s.stir != nil {
		s.stir.partial = nil
	}
}
