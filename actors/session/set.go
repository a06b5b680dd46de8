package session

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"reddot/actors"
)

// Session is the state of one session that outlives its connection: what
// its client subscribes to, which messages wait for it, which are under way in
// either direction, its will and its end.
//
// A message is not in it, only the seq of the journal's event that holds it.
type Session struct {
	Client   string
	Epoch    uint64       // the seq of the event that opened it last
	origin   uint64       // the id of the store's history that its client knows it from; 0: not known
	openedIn uint64       // and of the one that it was opened in last
	expiry   int64        // milliseconds that it outlives its connection
	ClosedAt int64        // unix milliseconds; 0: a connection has it
	Will     *actors.Will // nil: none
	WillAt   int64        // when it is to be published; 0: not
	subs     []subscription
	inflight []inflight // in the order in which they were sent
	queue    []queued   // in the order of their seqs
	incoming []incoming

	Publishing bool // the will is on its way; not stored
	Offering   bool // what others may take is being offered to them; not stored
	Offered    bool // and was, since the connection has ended; not stored
}

type subscription struct {
	filter                      string
	id                          uint32
	qos                         uint8
	noLocal, asPublished, inbox bool
	reads                       bool
}

type inflight struct {
	seq      uint64
	ids      []uint32
	id       uint16
	qos      uint8
	released bool
	inbox    bool
	retain   bool
	share    string // as in queued
}

type queued struct {
	Seq           uint64
	ids           []uint32
	share         string // the filter of the shared subscription that brings it
	expires       int64  // unix milliseconds; 0: never, or the inbox says it
	size          uint32
	qos           uint8
	retain, Inbox bool
}

type incoming struct {
	once [16]byte
	id   uint16
}

// Set are the sessions of one user that outlive their connections.
type Set struct {
	List    []*Session     // in the order of their clients
	held    map[uint64]int // by how many sessions an event with a topic's message is needed
	next    int64          // nothing is due before it (unix milliseconds); 0: nothing ever is
	lapse   int64          // nothing that waits for a session that is away expires before it, likewise; 0: nothing does
	Yielded *Yielded       // wills of connections whose sessions were taken; nil: none
	Arrived []Arrival      // what has come to wait since this was last emptied
}

// Arrival says that a message has come to wait for a session.
type Arrival struct {
	Client string
	queued
}

func (s *Set) index(client string) (int, bool) {
	return slices.BinarySearchFunc(s.List, client, func(t *Session, c string) int { return cmp.Compare(t.Client, c) })
}

// Find returns the session of a client; nil: there is none.
func (s *Set) Find(client string) *Session {
	if i, ok := s.index(client); ok {
		return s.List[i]
	}
	return nil
}

// Apply takes in a change. It returns which events nobody needs any
// more, and which hold a will that is void or was published.
func (s *Set) Apply(e *actors.Event) (freed, wills []uint64) {
	c := e.Session
	if settled := s.applyYielded(c); settled != 0 {
		wills = append(wills, settled)
	}
	i, ok := s.index(c.Client)
	if ok && c.Ended {
		t := s.List[i]
		if t.Will != nil && !c.Yields {
			wills = append(wills, t.Epoch)
		}
		for _, w := range t.queue {
			freed = s.release(freed, w.Seq, w.Inbox)
		}
		for _, o := range t.inflight {
			freed = s.release(freed, o.seq, o.inbox || o.released)
		}
		s.List = slices.Delete(s.List, i, i+1)
		ok = false
	}
	if !ok && c.Opened {
		s.List = slices.Insert(s.List, i, &Session{Client: c.Client})
		ok = true
	}
	if ok {
		t := s.List[i]
		will, held := t.Will, t.Epoch
		freed = s.change(t, e, freed)
		if will != nil && will != t.Will && !c.Yields {
			wills = append(wills, held)
		}
	}
	s.Rearm()
	if c := e.Session; c.Closed {
		s.lapseOf(s.Find(c.Client))
	}
	return freed, wills
}

// lapseOf lets lapse be no later than what waits for a session that is away.
func (s *Set) lapseOf(t *Session) {
	if t == nil || t.ClosedAt == 0 {
		return
	}
	for i := range t.queue {
		if at := t.queue[i].expires; at != 0 && (s.lapse == 0 || at < s.lapse) {
			s.lapse = at
		}
	}
}

// RearmLapse looks for lapse anew, after some messages have expired.
func (s *Set) RearmLapse() {
	s.lapse = 0
	for _, t := range s.List {
		s.lapseOf(t)
	}
}

// change takes in what happens to a session that is there.
func (s *Set) change(t *Session, e *actors.Event, freed []uint64) []uint64 {
	c := e.Session
	if c.Opened {
		if t.FromOther(c.Origin) {
			t.requeue()
		} else {
			t.origin = c.Origin
		}
		t.openedIn = c.Origin
		t.Epoch, t.expiry, t.Will, t.WillAt, t.ClosedAt = e.Seq, c.Expiry, c.Will, 0, 0
		t.Publishing, t.Offering, t.Offered = false, false, false // what is heard of those is an earlier epoch's
	}
	if c.Closed {
		t.expiry, t.ClosedAt, t.WillAt = c.Expiry, e.At, c.WillAt
		if c.WillAt == 0 {
			t.Will = nil
		}
	}
	if len(c.Released)+len(c.Done)+len(c.Forgotten) > 0 {
		t.origin = t.openedIn // the client has answered, so it has read CONNACK
	}
	if c.Willed {
		t.Will, t.WillAt = nil, 0
	}
	for _, n := range c.Set {
		t.set(n)
	}
	t.subs = slices.DeleteFunc(t.subs, func(n subscription) bool { return slices.Contains(c.Unset, n.filter) })
	for _, o := range c.Sent {
		out := inflightOf(o)
		t.queue = slices.DeleteFunc(t.queue, func(w queued) bool {
			if w.Seq == o.Seq {
				out.ids, out.retain, out.share = w.ids, w.retain, w.share
			}
			return w.Seq == o.Seq
		})
		t.inflight = append(t.inflight, out)
	}
	for _, id := range c.Released {
		if i := t.sent(id); i >= 0 && !t.inflight[i].released {
			t.inflight[i].released = true
			freed = s.release(freed, t.inflight[i].seq, t.inflight[i].inbox)
		}
	}
	for _, id := range c.Done {
		if i := t.sent(id); i >= 0 {
			if !t.inflight[i].released {
				freed = s.release(freed, t.inflight[i].seq, t.inflight[i].inbox)
			}
			t.inflight = slices.Delete(t.inflight, i, i+1)
		}
	}
	for _, seq := range c.Dropped {
		t.queue = slices.DeleteFunc(t.queue, func(w queued) bool {
			if w.Seq == seq {
				freed = s.release(freed, seq, w.Inbox)
			}
			return w.Seq == seq
		})
	}
	for _, n := range c.Received { // an identifier is used again as soon as it is refused
		t.incoming = slices.DeleteFunc(t.incoming, func(o incoming) bool { return uint32(o.id) == n.Id })
		t.incoming = append(t.incoming, incoming{once: [16]byte(n.Once), id: uint16(n.Id)})
	}
	t.incoming = slices.DeleteFunc(t.incoming, func(n incoming) bool { return slices.Contains(c.Forgotten, uint32(n.id)) })
	return freed
}

// FromOther tells whether a client knows the session of another history of the
// store than this one. What is under way between them is not what either of them
// takes it for: a packet identifier stands for another message there.
func (t *Session) FromOther(origin uint64) bool { return t.origin != 0 && t.origin != origin }

// requeue forgets the packet identifiers of what is under way. What the client
// may not have is to be sent as if it never was.
func (t *Session) requeue() {
	for i := range t.inflight {
		if o := &t.inflight[i]; !o.released {
			t.queue = append(t.queue, queued{Seq: o.seq, ids: o.ids, share: o.share, qos: o.qos, retain: o.retain, Inbox: o.inbox})
		}
	}
	slices.SortStableFunc(t.queue, func(a, b queued) int { return cmp.Compare(a.Seq, b.Seq) })
	t.inflight, t.incoming = nil, nil
}

// set puts a subscription in the place of the one with its filter, if there is one.
func (t *Session) set(n *actors.Subscription) {
	one := subscription{filter: n.Filter, id: n.Id, qos: uint8(n.Qos), noLocal: n.NoLocal, asPublished: n.AsPublished, inbox: n.Inbox, reads: n.Reads}
	for i := range t.subs {
		if t.subs[i].filter == n.Filter {
			t.subs[i] = one
			return
		}
	}
	t.subs = append(t.subs, one)
}

// sent returns the place of an outgoing message; -1: there is none.
func (t *Session) sent(id uint32) int {
	return slices.IndexFunc(t.inflight, func(o inflight) bool { return uint32(o.id) == id })
}

// release notes that a session no longer needs an event, and adds the event to
// freed if none does.
func (s *Set) release(freed []uint64, seq uint64, inbox bool) []uint64 {
	if n, ok := s.held[seq]; inbox || !ok {
		return freed // an inbox's message is the inbox's
	} else if n > 1 {
		s.held[seq] = n - 1
		return freed
	}
	delete(s.held, seq)
	return append(freed, seq)
}

// ApplyQueued takes in a topic's message.
func (s *Set) ApplyQueued(e *actors.Event) {
	for _, q := range e.Queue {
		if t := s.Find(q.Client); t != nil {
			s.hold(e.Seq)
			s.enqueue(t, queuedOf(q.Waiting, e.Seq))
		}
	}
}

func (s *Set) hold(seq uint64) {
	if s.held == nil {
		s.held = map[uint64]int{}
	}
	s.held[seq]++
}

func (s *Set) enqueue(t *Session, w queued) {
	t.queue = append(t.queue, w)
	if t.ClosedAt == 0 {
		s.Arrived = append(s.Arrived, Arrival{t.Client, w})
	} else if w.expires != 0 && (s.lapse == 0 || w.expires < s.lapse) {
		s.lapse = w.expires
	}
}

// Offer lets a message that has become visible in the inbox wait for those who
// are to get it more than at most once.
func (s *Set) Offer(seq uint64, size uint32) {
	for _, t := range s.List {
		w := queued{Seq: seq, Inbox: true, size: size}
		for i := range t.subs {
			if n := &t.subs[i]; n.inbox {
				w.add(n)
			}
		}
		if w.qos > 0 {
			s.enqueue(t, w)
		}
	}
}

// add lets another subscription of the session bring the same message.
func (w *queued) add(n *subscription) {
	w.qos = max(w.qos, n.qos)
	if n.id != 0 {
		w.ids = append(w.ids, n.id)
	}
}

// Withdraw takes back what has left the inbox and was not sent yet.
func (s *Set) Withdraw(seq uint64) {
	for _, t := range s.List {
		t.queue = slices.DeleteFunc(t.queue, func(w queued) bool { return w.Inbox && w.Seq == seq })
	}
}

// Rearm looks for when something is due.
func (s *Set) Rearm() {
	s.next = 0
	for y := s.Yielded; y != nil; y = y.Next {
		if s.next == 0 || y.At < s.next {
			s.next = y.At
		}
	}
	for _, t := range s.List {
		if at := t.due(); at != 0 && (s.next == 0 || at < s.next) {
			s.next = at
		}
	}
}

// due returns when the session's will is to be published, or else when it is
// to end; 0: not.
func (t *Session) due() int64 {
	switch {
	case t.ClosedAt == 0:
		return 0
	case t.WillAt != 0:
		return t.WillAt
	}
	return t.ClosedAt + t.expiry
}

// DueAt returns before when nothing is due by itself (unix milliseconds): a will, or
// the end of a session; 0: nothing ever is.
func (s *Set) DueAt() int64 { return s.next }

// LapseAt returns before when no message expires that waits for a session which is
// away, likewise.
func (s *Set) LapseAt() int64 { return s.lapse }

// Events returns the seqs of the events that hold topics' messages which sessions need.
func (s *Set) Events() iter.Seq[uint64] { return maps.Keys(s.held) }
