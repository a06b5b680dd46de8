package actors

import "fmt"

// snapshot returns the inbox's stored form as of now.
func (b *Inbox) snapshot() []byte {
	s := &Snapshot{
		Lineage: b.lineage, Seq: b.seq, Pos: b.pos, Rev: b.rev, Unread: b.unread, Unseen: b.unseen,
		Floor: b.history.floor, Stale: b.history.stale, StaleSince: b.history.since, Delivered: b.delivered, Bytes: b.history.bytes, Edge: b.keys.packEdge(), Shown: b.shown,
	}
	for i := range b.categories {
		c := &b.categories[i]
		s.Categories = append(s.Categories, &Category{Name: c.name, Unread: c.unread, Held: c.held})
	}
	for i := range b.entries {
		n := &b.entries[i]
		s.Entries = append(s.Entries, &Entry{
			Id: n.id[:], Seq: n.seq, Body: n.body, Category: uint32(n.category), State: n.state, Priority: n.priority,
			Shared: n.shared, At: n.at, Size: n.size, ExpiresAt: n.expires, Until: n.until, Collapse: n.collapse,
			WasSeen: n.wasSeen, WasRead: n.wasRead,
		})
	}
	for _, r := range b.keys.order {
		k := b.keys.byCaller[r.key]
		s.Keys = append(s.Keys, &OnceKey{Key: r.key[:], Digest: k.digest, Id: k.id[:], Rev: k.rev, At: k.at})
	}
	for _, m := range b.history.stones {
		s.Marks = append(s.Marks, &Milestone{Seq: m.seq, At: m.at, Bytes: m.bytes})
	}
	for _, t := range b.sessions.list {
		s.Sessions = append(s.Sessions, t.stored())
	}
	s.Yielded = b.sessions.storedYielded()
	n := s.SizeVT()
	out := make([]byte, 1+n)
	out[0] = EventVersion
	if _, err := s.MarshalToSizedBufferVT(out[1:]); err != nil {
		panic(err) // the space is measured
	}
	return out
}

// restore takes in a snapshot. The inbox must be new.
func (b *Inbox) restore(raw []byte) error {
	if len(raw) == 0 || raw[0] != EventVersion {
		return fmt.Errorf("a snapshot in an encoding that this program does not know (its first byte is %.1x)", raw)
	}
	var s Snapshot
	if err := s.UnmarshalVT(raw[1:]); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	b.lineage, b.seq, b.pos, b.rev = s.Lineage, s.Seq, s.Pos, s.Rev
	b.unread, b.unseen, b.delivered, b.shown = s.Unread, s.Unseen, s.Delivered, s.Shown
	b.history.floor, b.history.bytes = s.Floor, s.Bytes
	b.history.stale, b.history.since = s.Stale, s.StaleSince
	for _, c := range s.Categories {
		b.categories = append(b.categories, category{name: c.Name, unread: c.Unread, held: c.Held})
	}
	if err := b.restoreEntries(s.Entries); err != nil {
		return fmt.Errorf("snapshot of event %d: %w", s.Seq, err)
	}
	for _, k := range s.Keys {
		if len(k.Key) != 16 || len(k.Id) != 16 {
			return fmt.Errorf("snapshot of event %d: a key of %d bytes", s.Seq, len(k.Key))
		}
		b.keys.put([16]byte(k.Key), onceKey{k.Digest, ID(k.Id), k.Rev, k.At})
	}
	b.keys.unpackEdge(s.Edge)
	for _, p := range s.Sessions {
		b.sessions.restore(p)
	}
	b.sessions.restoreYielded(s.Yielded)
	for _, m := range s.Marks {
		b.history.stones = append(b.history.stones, milestone{m.Seq, m.Bytes, m.At})
	}
	return nil
}

func (b *Inbox) restoreEntries(es []*Entry) error {
	b.entries = make([]entry, 0, len(es)+len(es)/8)
	for _, e := range es {
		if len(e.Id) != 16 || int(e.Category) >= len(b.categories) {
			return fmt.Errorf("entry %d is damaged", e.Seq)
		}
		b.entries = append(b.entries, entry{
			id: ID(e.Id), seq: e.Seq, body: e.Body, at: e.At, expires: e.ExpiresAt, until: e.Until, collapse: e.Collapse,
			size: e.Size, category: uint16(e.Category), state: e.State, priority: e.Priority, shared: e.Shared,
			wasSeen: e.WasSeen, wasRead: e.WasRead,
		})
		n := &b.entries[len(b.entries)-1]
		b.content += uint64(n.size)
		b.arm(n)
	}
	return nil
}
