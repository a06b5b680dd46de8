package inbox

import (
	"cmp"
	"slices"

	"reddot/actors"
)

// Subscriptions is the state of one session that outlives its connection: what
// its client subscribes to, which messages wait for it, which are under way in
// either direction, its will and its end. Like the Inbox that it is a part of
// it has no clock, no I/O and no random, and changes by events alone.
//
// A message is not in it, only the seq of the journal's event that holds it.
type Subscriptions struct {
	Client   string
	Epoch    uint64       // the seq of the event that opened it last
	origin   uint64       // the id of the store's history that its client knows it from; 0: not known
	openedIn uint64       // and of the one that it was opened in last
	expiry   int64        // milliseconds that it outlives its connection
	ClosedAt int64        // unix milliseconds; 0: a connection has it
	Will     *actors.Will // nil: none
	WillAt   int64        // when it is to be published; 0: not
	subs     []subscription
	outgoing []outgoing // in the order in which they were sent
	waiting  []awaited  // in the order of their seqs
	incoming []incoming

	Publishing bool // the will is on its way; not stored
	Handing    bool // what others may take is being offered to them; not stored
	Handed     bool // and was, since the connection has ended; not stored
}

type subscription struct {
	filter                      string
	id                          uint32
	qos                         uint8
	noLocal, asPublished, inbox bool
	reads                       bool
}

type outgoing struct {
	seq      uint64
	ids      []uint32
	id       uint16
	qos      uint8
	released bool
	inbox    bool
	retain   bool
	share    string // as in awaited
}

type awaited struct {
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

// sessions are the sessions of one user that outlive their connections.
type sessions struct {
	List    []*Subscriptions // in the order of their clients
	held    map[uint64]int   // by how many sessions an event with a topic's message is needed
	next    int64            // nothing is due before it (unix milliseconds); 0: nothing ever is
	lapse   int64            // nothing that waits for a session that is away expires before it, likewise; 0: nothing does
	Yielded *yielded         // wills of connections whose sessions were taken; nil: none
	News    []News           // what has come to wait since this was last emptied
}

// News says that a message has come to wait for a session.
type News struct {
	Client string
	awaited
}

func (s *sessions) index(client string) (int, bool) {
	return slices.BinarySearchFunc(s.List, client, func(t *Subscriptions, c string) int { return cmp.Compare(t.Client, c) })
}

// Find returns the session of a client; nil: there is none.
func (s *sessions) Find(client string) *Subscriptions {
	if i, ok := s.index(client); ok {
		return s.List[i]
	}
	return nil
}

// applySession takes in a change. It returns which events nobody needs any
// more, and which hold a will that is void or was published.
func (s *sessions) applySession(e *actors.Event) (freed, wills []uint64) {
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
		for _, w := range t.waiting {
			freed = s.let(freed, w.Seq, w.Inbox)
		}
		for _, o := range t.outgoing {
			freed = s.let(freed, o.seq, o.inbox || o.released)
		}
		s.List = slices.Delete(s.List, i, i+1)
		ok = false
	}
	if !ok && c.Opened {
		s.List = slices.Insert(s.List, i, &Subscriptions{Client: c.Client})
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
func (s *sessions) lapseOf(t *Subscriptions) {
	if t == nil || t.ClosedAt == 0 {
		return
	}
	for i := range t.waiting {
		if at := t.waiting[i].expires; at != 0 && (s.lapse == 0 || at < s.lapse) {
			s.lapse = at
		}
	}
}

// Relapse looks for lapse anew, after some messages have expired.
func (s *sessions) Relapse() {
	s.lapse = 0
	for _, t := range s.List {
		s.lapseOf(t)
	}
}

// change takes in what happens to a session that is there.
func (s *sessions) change(t *Subscriptions, e *actors.Event, freed []uint64) []uint64 {
	c := e.Session
	if c.Opened {
		if t.Turned(c.Origin) {
			t.recall()
		} else {
			t.origin = c.Origin
		}
		t.openedIn = c.Origin
		t.Epoch, t.expiry, t.Will, t.WillAt, t.ClosedAt = e.Seq, c.Expiry, c.Will, 0, 0
		t.Handed = false
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
		out := outgoingOf(o)
		t.waiting = slices.DeleteFunc(t.waiting, func(w awaited) bool {
			if w.Seq == o.Seq {
				out.ids, out.retain, out.share = w.ids, w.retain, w.share
			}
			return w.Seq == o.Seq
		})
		t.outgoing = append(t.outgoing, out)
	}
	for _, id := range c.Released {
		if i := t.sent(id); i >= 0 && !t.outgoing[i].released {
			t.outgoing[i].released = true
			freed = s.let(freed, t.outgoing[i].seq, t.outgoing[i].inbox)
		}
	}
	for _, id := range c.Done {
		if i := t.sent(id); i >= 0 {
			if !t.outgoing[i].released {
				freed = s.let(freed, t.outgoing[i].seq, t.outgoing[i].inbox)
			}
			t.outgoing = slices.Delete(t.outgoing, i, i+1)
		}
	}
	for _, seq := range c.Dropped {
		t.waiting = slices.DeleteFunc(t.waiting, func(w awaited) bool {
			if w.Seq == seq {
				freed = s.let(freed, seq, w.Inbox)
			}
			return w.Seq == seq
		})
	}
	for _, n := range c.Received { // an identifier is used again as soon as it is refused
		t.incoming = slices.DeleteFunc(t.incoming, func(o incoming) bool { return uint32(o.id) == n.Id })
		t.incoming = append(t.incoming, incoming{once: [16]byte(n.Once), id: uint16(n.Id)}) // #nosec G115 -- of our own making
	}
	t.incoming = slices.DeleteFunc(t.incoming, func(n incoming) bool { return slices.Contains(c.Forgotten, uint32(n.id)) })
	return freed
}

// Turned tells whether a client knows the session of another history of the
// store than this one. What is under way between them is not what either of them
// takes it for: a packet identifier stands for another message there.
func (t *Subscriptions) Turned(origin uint64) bool { return t.origin != 0 && t.origin != origin }

// recall forgets the packet identifiers of what is under way. What the client
// may not have is to be sent as if it never was.
func (t *Subscriptions) recall() {
	for i := range t.outgoing {
		if o := &t.outgoing[i]; !o.released {
			t.waiting = append(t.waiting, awaited{Seq: o.seq, ids: o.ids, share: o.share, qos: o.qos, retain: o.retain, Inbox: o.inbox})
		}
	}
	slices.SortStableFunc(t.waiting, func(a, b awaited) int { return cmp.Compare(a.Seq, b.Seq) })
	t.outgoing, t.incoming = nil, nil
}

// set puts a subscription in the place of the one with its filter, if there is one.
func (t *Subscriptions) set(n *actors.Subscription) {
	one := subscription{filter: n.Filter, id: n.Id, qos: uint8(n.Qos), noLocal: n.NoLocal, asPublished: n.AsPublished, inbox: n.Inbox, reads: n.Reads} // #nosec G115 -- 0 to 2
	for i := range t.subs {
		if t.subs[i].filter == n.Filter {
			t.subs[i] = one
			return
		}
	}
	t.subs = append(t.subs, one)
}

// sent returns the place of an outgoing message; -1: there is none.
func (t *Subscriptions) sent(id uint32) int {
	return slices.IndexFunc(t.outgoing, func(o outgoing) bool { return uint32(o.id) == id })
}

// let notes that a session no longer needs an event, and adds the event to
// freed if none does.
func (s *sessions) let(freed []uint64, seq uint64, inbox bool) []uint64 {
	if n, ok := s.held[seq]; inbox || !ok {
		return freed // an inbox's message is the inbox's
	} else if n > 1 {
		s.held[seq] = n - 1
		return freed
	}
	delete(s.held, seq)
	return append(freed, seq)
}

// applyQueued takes in a topic's message.
func (s *sessions) applyQueued(e *actors.Event) {
	for _, q := range e.Queue {
		if t := s.Find(q.Client); t != nil {
			s.hold(e.Seq)
			s.enqueue(t, waitingOf(q.Waiting, e.Seq))
		}
	}
}

func (s *sessions) hold(seq uint64) {
	if s.held == nil {
		s.held = map[uint64]int{}
	}
	s.held[seq]++
}

func (s *sessions) enqueue(t *Subscriptions, w awaited) {
	t.waiting = append(t.waiting, w)
	if t.ClosedAt == 0 {
		s.News = append(s.News, News{t.Client, w})
	} else if w.expires != 0 && (s.lapse == 0 || w.expires < s.lapse) {
		s.lapse = w.expires
	}
}

// offer lets a message that has become visible in the inbox wait for those who
// are to get it more than at most once.
func (s *sessions) offer(seq uint64, size uint32) {
	for _, t := range s.List {
		w := awaited{Seq: seq, Inbox: true, size: size}
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
func (w *awaited) add(n *subscription) {
	w.qos = max(w.qos, n.qos)
	if n.id != 0 {
		w.ids = append(w.ids, n.id)
	}
}

// withdraw takes back what has left the inbox and was not sent yet.
func (s *sessions) withdraw(seq uint64) {
	for _, t := range s.List {
		t.waiting = slices.DeleteFunc(t.waiting, func(w awaited) bool { return w.Inbox && w.Seq == seq })
	}
}

// Rearm looks for when something is due.
func (s *sessions) Rearm() {
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
func (t *Subscriptions) due() int64 {
	switch {
	case t.ClosedAt == 0:
		return 0
	case t.WillAt != 0:
		return t.WillAt
	}
	return t.ClosedAt + t.expiry
}

func outgoingOf(p *actors.Outgoing) outgoing {
	return outgoing{seq: p.Seq, ids: p.Ids, id: uint16(p.Id), qos: uint8(p.Qos), released: p.Released, inbox: p.Inbox, retain: p.Retain, share: p.Share} // #nosec G115 -- of our own making
}

func (o *outgoing) stored() *actors.Outgoing {
	return &actors.Outgoing{Id: uint32(o.id), Seq: o.seq, Qos: uint32(o.qos), Released: o.released, Inbox: o.inbox, Retain: o.retain, Ids: o.ids, Share: o.share}
}

func waitingOf(p *actors.Waiting, seq uint64) awaited {
	return awaited{Seq: seq, Inbox: p.Inbox, qos: uint8(p.Qos), retain: p.Retain, ids: p.Ids, share: p.Share, size: p.Size, expires: p.ExpiresAt} // #nosec G115 -- 0 to 2
}

// Stored returns the message as it is stored.
func (w *awaited) Stored() *actors.Waiting {
	return &actors.Waiting{Seq: w.Seq, Inbox: w.Inbox, Qos: uint32(w.qos), Retain: w.retain, Ids: w.ids, Share: w.share, Size: w.size, ExpiresAt: w.expires}
}

func (n *subscription) stored() *actors.Subscription {
	return &actors.Subscription{Filter: n.filter, Qos: uint32(n.qos), NoLocal: n.noLocal, AsPublished: n.asPublished, Id: n.id, Inbox: n.inbox, Reads: n.reads}
}

// Stored returns the session as snapshots and connections are given it.
func (t *Subscriptions) Stored() *actors.SessionState {
	s := &actors.SessionState{Client: t.Client, Epoch: t.Epoch, Open: t.ClosedAt == 0, Expiry: t.expiry, ClosedAt: t.ClosedAt, Will: t.Will, WillAt: t.WillAt, Origin: t.origin, OpenedIn: t.openedIn}
	for i := range t.subs {
		s.Subscriptions = append(s.Subscriptions, t.subs[i].stored())
	}
	for i := range t.outgoing {
		s.Outgoing = append(s.Outgoing, t.outgoing[i].stored())
	}
	for i := range t.waiting {
		s.Waiting = append(s.Waiting, t.waiting[i].Stored())
	}
	for _, n := range t.incoming {
		s.Incoming = append(s.Incoming, &actors.Incoming{Id: uint32(n.id), Once: n.once[:]})
	}
	return s
}

// restore takes in a session of a snapshot.
func (s *sessions) restore(p *actors.SessionState) {
	t := &Subscriptions{Client: p.Client, Epoch: p.Epoch, expiry: p.Expiry, ClosedAt: p.ClosedAt, Will: p.Will, WillAt: p.WillAt, origin: p.Origin, openedIn: p.OpenedIn}
	for _, n := range p.Subscriptions {
		t.set(n)
	}
	for _, o := range p.Outgoing {
		t.outgoing = append(t.outgoing, outgoingOf(o))
		if !o.Released && !o.Inbox {
			s.hold(o.Seq)
		}
	}
	for _, w := range p.Waiting {
		t.waiting = append(t.waiting, waitingOf(w, w.Seq))
		if !w.Inbox {
			s.hold(w.Seq)
		}
	}
	for _, n := range p.Incoming {
		if len(n.Once) == 16 {
			t.incoming = append(t.incoming, incoming{once: [16]byte(n.Once), id: uint16(n.Id)}) // #nosec G115 -- of our own making
		}
	}
	if i, ok := s.index(t.Client); !ok {
		s.List = slices.Insert(s.List, i, t)
	}
	s.lapseOf(t)
	s.Rearm()
}

// Followed returns what the sessions follow.
func (s *sessions) Interest() actors.Interest {
	f := actors.Interest{Filters: s.filters(), Any: len(s.List) > 0, Sessions: len(s.List), Size: s.Size()}
	for _, t := range s.List {
		for i := range t.subs {
			if _, _, shared := actors.SplitShare(t.subs[i].filter); shared {
				f.Shares = append(f.Shares, actors.SharedInterest{Client: t.Client, Filter: t.subs[i].filter})
			}
		}
	}
	return f
}
