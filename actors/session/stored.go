package session

import (
	"slices"
	"strconv"

	"reddot/actors"
)

// Stored returns the sessions, and the wills of connections that were taken over, as a
// snapshot has them.
func (s *Set) Stored() (list []*actors.SessionState, wills []*actors.YieldedWill) {
	for _, t := range s.List {
		list = append(list, t.Stored())
	}
	return list, s.storedYielded()
}

// Restore takes in those of a snapshot. There must be none yet.
func (s *Set) Restore(list []*actors.SessionState, wills []*actors.YieldedWill) {
	for _, p := range list {
		s.restore(p)
	}
	s.restoreYielded(wills)
}

func inflightOf(p *actors.Outgoing) inflight {
	return inflight{seq: p.Seq, ids: p.Ids, id: uint16(p.Id), qos: uint8(p.Qos), released: p.Released, inbox: p.Inbox, retain: p.Retain, share: p.Share}
}

func (o *inflight) stored() *actors.Outgoing {
	return &actors.Outgoing{Id: uint32(o.id), Seq: o.seq, Qos: uint32(o.qos), Released: o.released, Inbox: o.inbox, Retain: o.retain, Ids: o.ids, Share: o.share}
}

func queuedOf(p *actors.Waiting, seq uint64) queued {
	return queued{Seq: seq, Inbox: p.Inbox, qos: uint8(p.Qos), retain: p.Retain, ids: p.Ids, share: p.Share, size: p.Size, expires: p.ExpiresAt}
}

// Stored returns the message as it is stored.
func (w *queued) Stored() *actors.Waiting {
	return &actors.Waiting{Seq: w.Seq, Inbox: w.Inbox, Qos: uint32(w.qos), Retain: w.retain, Ids: w.ids, Share: w.share, Size: w.size, ExpiresAt: w.expires}
}

func (n *subscription) stored() *actors.Subscription {
	return &actors.Subscription{Filter: n.filter, Qos: uint32(n.qos), NoLocal: n.noLocal, AsPublished: n.asPublished, Id: n.id, Inbox: n.inbox, Reads: n.reads}
}

// Stored returns the session as snapshots and connections are given it.
func (t *Session) Stored() *actors.SessionState {
	s := &actors.SessionState{Client: t.Client, Epoch: t.Epoch, Open: t.ClosedAt == 0, Expiry: t.expiry, ClosedAt: t.ClosedAt, Will: t.Will, WillAt: t.WillAt, Origin: t.origin, OpenedIn: t.openedIn}
	for i := range t.subs {
		s.Subscriptions = append(s.Subscriptions, t.subs[i].stored())
	}
	for i := range t.inflight {
		s.Outgoing = append(s.Outgoing, t.inflight[i].stored())
	}
	for i := range t.queue {
		s.Waiting = append(s.Waiting, t.queue[i].Stored())
	}
	for _, n := range t.incoming {
		s.Incoming = append(s.Incoming, &actors.Incoming{Id: uint32(n.id), Once: n.once[:]})
	}
	return s
}

// restore takes in a session of a snapshot.
func (s *Set) restore(p *actors.SessionState) {
	t := &Session{Client: p.Client, Epoch: p.Epoch, expiry: p.Expiry, ClosedAt: p.ClosedAt, Will: p.Will, WillAt: p.WillAt, origin: p.Origin, openedIn: p.OpenedIn}
	for _, n := range p.Subscriptions {
		t.set(n)
	}
	for _, o := range p.Outgoing {
		t.inflight = append(t.inflight, inflightOf(o))
		if !o.Released && !o.Inbox {
			s.hold(o.Seq)
		}
	}
	for _, w := range p.Waiting {
		t.queue = append(t.queue, queuedOf(w, w.Seq))
		if !w.Inbox {
			s.hold(w.Seq)
		}
	}
	for _, n := range p.Incoming {
		if len(n.Once) == 16 {
			t.incoming = append(t.incoming, incoming{once: [16]byte(n.Once), id: uint16(n.Id)})
		}
	}
	if i, ok := s.index(t.Client); !ok {
		s.List = slices.Insert(s.List, i, t)
	}
	s.lapseOf(t)
	s.Rearm()
}

// AppendJSON appends the sessions as a member of a JSON object, if there are any.
func (s *Set) AppendJSON(dst []byte) []byte {
	for i, t := range s.List {
		if i == 0 {
			dst = append(dst, `,"sessions":[{"client":`...)
		} else {
			dst = append(dst, `,{"client":`...)
		}
		dst = actors.AppendString(dst, t.Client)
		dst = strconv.AppendBool(append(dst, `,"connected":`...), t.ClosedAt == 0)
		dst = strconv.AppendInt(append(dst, `,"subscriptions":`...), int64(len(t.subs)), 10)
		dst = strconv.AppendInt(append(dst, `,"waiting":`...), int64(len(t.queue)), 10)
		dst = strconv.AppendInt(append(dst, `,"outgoing":`...), int64(len(t.inflight)), 10)
		dst = strconv.AppendInt(append(dst, `,"incoming":`...), int64(len(t.incoming)), 10)
		if t.ClosedAt != 0 {
			dst = actors.AppendTime(append(dst, `,"ends_at":`...), t.ClosedAt+t.expiry)
		}
		dst = append(dst, '}')
	}
	if len(s.List) > 0 {
		dst = append(dst, ']')
	}
	return dst
}
