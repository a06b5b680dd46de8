package mqtt

import "reddot/actors"

// A transient is what a session has only while something happens to it.
type transient struct {
	partial []byte                 // what came and is not worked on
	after   []func()               // what is put off until the lock is free
	early   []actors.QueuedMessage // what has come to wait before CONNECT was answered
	will    *actors.Will           // of a session that ends with its connection
	again   reopening              // the user's actor is asked for the session again
	reads   []reading              // what topics retain and is not sent yet
	paging  int                    // parts of a page of it that are on their way
	parting *parting               // the session is over, and this is left
	left    bool                   // the connection is closed, and what has come not worked on
}

// needTransient returns the session's transient, made if there is none. The caller
// holds the lock.
func (s *session) needTransient() *transient {
	if s.transient == nil {
		s.transient = &transient{}
	}
	return s.transient
}

// dropTransient forgets the transient when it is over. The caller holds the lock.
func (s *session) dropTransient() {
	if t := s.transient; t != nil && len(t.partial)+len(t.after)+len(t.early) == 0 && len(t.reads)+t.paging == 0 && t.will == nil && t.again == (reopening{}) && t.parting == nil && !t.left {
		s.transient = nil
	}
}

// unread returns what came and is not worked on. The caller holds the lock.
func (s *session) unread() []byte {
	if s.transient == nil {
		return nil
	}
	return s.transient.partial
}

// keep lets b wait to be worked on, and nothing else. The caller holds the lock.
func (s *session) keep(b []byte) {
	if len(b) > 0 {
		s.needTransient().partial = b
	} else if s.transient != nil {
		s.transient.partial = nil
	}
}
