package inbox

import (
	"fmt"

	"reddot/actors"
	"reddot/actors/profile"
)

// snapshot returns the inbox's stored form as of now.
func (b *Inbox) snapshot() []byte {
	s := &actors.Snapshot{
		Lineage: b.lineage, Seq: b.seq, Pos: b.pos, Rev: b.rev, Unread: b.unread, Unseen: b.unseen,
		Floor: b.history.floor, Stale: b.history.stale, StaleSince: b.history.since, Delivered: b.deliveredUpTo, Bytes: b.history.bytes, Edge: b.keys.packEdge(), Shown: b.shown, ShownPos: b.shownPos, PosFloor: b.posFloor,
		ErasedAt: b.erasedAt, Joined: b.joined, DeliveredPos: b.deliveredPos,
	}
	for i := range b.displaced {
		d := &b.displaced[i]
		s.Displaced = append(s.Displaced, &actors.Displacement{Pos: d.pos, Id: d.id[:]})
	}
	for i := range b.categories {
		c := &b.categories[i]
		s.Categories = append(s.Categories, &actors.Category{Name: c.name, Unread: c.unread, Held: c.held})
	}
	for i := range b.tenants {
		s.Tenants = append(s.Tenants, b.tenants[i].name)
	}
	for i := range b.entries {
		n := &b.entries[i]
		s.Entries = append(s.Entries, &actors.Entry{
			Id: n.id[:], Seq: n.Seq, Body: n.Body, Category: uint32(n.category), Tenant: uint32(n.tenant), State: n.State, Priority: n.priority,
			Shared: n.shared, At: n.at, Size: n.size, ExpiresAt: n.expires, Until: n.Until, Collapse: n.collapse,
			WasSeen: n.WasSeen, WasRead: n.WasRead, Pos: n.Pos, Logged: n.logged && n.Pos == 0, Acted: b.answers[n.acted],
		})
	}
	for _, r := range b.keys.order {
		k := b.keys.byCaller[r.key]
		s.Keys = append(s.Keys, &actors.OnceKey{Key: r.key[:], Digest: k.digest, Id: k.id[:], Rev: k.rev, At: k.at, Rule: k.rule, Gathered: k.gathered})
	}
	for _, m := range b.history.milestones {
		s.Marks = append(s.Marks, &actors.Milestone{Seq: m.Seq, At: m.at, Bytes: m.bytes})
	}
	b.storeRules(s)
	s.Sessions, s.Yielded = b.Sessions.Stored()
	b.Profile.Store(s, b.history.floor)
	n := s.SizeVT()
	out := make([]byte, 1+n)
	out[0] = actors.EventVersion
	if _, err := s.MarshalToSizedBufferVT(out[1:]); err != nil {
		panic(err) // the space is measured
	}
	return out
}

// restore takes in a snapshot. The inbox must be new.
func (b *Inbox) restore(raw []byte) error {
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return fmt.Errorf("a snapshot in an encoding that this program does not know (its first byte is %.1x)", raw)
	}
	var s actors.Snapshot
	if err := s.UnmarshalVT(raw[1:]); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	b.lineage, b.seq, b.pos, b.rev = s.Lineage, s.Seq, s.Pos, s.Rev
	b.unread, b.unseen, b.deliveredUpTo, b.shown, b.shownPos = s.Unread, s.Unseen, s.Delivered, s.Shown, s.ShownPos
	b.history.floor, b.history.bytes = s.Floor, s.Bytes
	b.posFloor, b.joined, b.deliveredPos = s.PosFloor, s.Joined, s.DeliveredPos
	for _, d := range s.Displaced {
		if len(d.Id) != 16 {
			return fmt.Errorf("snapshot of event %d: a displaced message with %d bytes of id", s.Seq, len(d.Id))
		}
		b.displaced = append(b.displaced, displacement{d.Pos, actors.ID(d.Id)})
	}
	b.history.stale, b.history.since = s.Stale, s.StaleSince
	for _, c := range s.Categories {
		b.categories = append(b.categories, label{name: c.Name, unread: c.Unread, held: c.Held})
	}
	for _, name := range s.Tenants {
		b.tenants = append(b.tenants, label{name: name})
	}
	if err := b.restoreEntries(s.Entries); err != nil {
		return fmt.Errorf("snapshot of event %d: %w", s.Seq, err)
	}
	for _, k := range s.Keys {
		if len(k.Key) != 16 || len(k.Id) != 16 {
			return fmt.Errorf("snapshot of event %d: a key of %d bytes", s.Seq, len(k.Key))
		}
		b.keys.put([16]byte(k.Key), onceKey{digest: k.Digest, id: actors.ID(k.Id), rev: k.Rev, at: k.At, rule: k.Rule, gathered: k.Gathered})
	}
	if err := b.restoreRules(&s); err != nil {
		return fmt.Errorf("snapshot of event %d: %w", s.Seq, err)
	}
	b.keys.unpackEdge(s.Edge)
	b.Sessions.Restore(s.Sessions, s.Yielded)
	b.Profile, b.erasedAt = profile.Restored(&s), s.ErasedAt
	for _, m := range s.Marks {
		b.history.milestones = append(b.history.milestones, milestone{m.Seq, m.Bytes, m.At})
	}
	return nil
}

func (b *Inbox) restoreEntries(es []*actors.Entry) error {
	b.entries = make([]entry, 0, len(es)+len(es)/8)
	for _, e := range es {
		if len(e.Id) != 16 || int(e.Category) >= len(b.categories) || int(e.Tenant) > len(b.tenants) {
			return fmt.Errorf("entry %d is damaged", e.Seq)
		}
		b.entries = append(b.entries, entry{
			id: actors.ID(e.Id), Seq: e.Seq, Body: e.Body, at: e.At, expires: e.ExpiresAt, Until: e.Until, collapse: e.Collapse,
			size: e.Size, category: uint16(e.Category), tenant: uint16(e.Tenant), State: e.State, priority: e.Priority, shared: e.Shared,
			WasSeen: e.WasSeen, WasRead: e.WasRead, Pos: e.Pos, logged: e.Logged || e.Pos != 0,
		})
		n := &b.entries[len(b.entries)-1]
		b.content += uint64(n.size)
		if e.Acted != nil {
			b.answer(n, e.Acted)
		}
		b.restoreTenant(n)
		b.arm(n)
	}
	return nil
}
