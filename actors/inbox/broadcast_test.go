package inbox

import (
	"fmt"
	"slices"

	"reddot/actors"
)

// The broadcast log in the random trial: an app's log grows while the inbox stands
// still, is merged before the next step, and is merged again by each replay.

// logged is a message in the log, as its writer knows it.
type logged struct {
	message   *actors.Message
	hidden    bool
	body      uint64
	model     *modelMessage
	followers bool // it is for those who follow the topic news
}

// audience returns for whom the message is.
func (c *logged) audience() *actors.Audience {
	if c.followers {
		return &actors.Audience{Topic: "news"}
	}
	return &actors.Audience{All: true}
}

// append puts an entry into the log, as a store and a node have it.
func (w *world) append(e *actors.LogEntry) {
	w.t.Helper()
	e.Pos, e.At = w.known.Head()+1, w.now
	if e.Audience == nil {
		e.Audience = &actors.Audience{All: true}
	}
	raw := actors.EncodeLogEntry(e)
	w.entries[e.Pos] = raw
	got, err := actors.DecodeLogEntry(raw)
	if err != nil {
		w.t.Fatalf("an entry of our own: %v", err)
	}
	if !w.known.Extend(got) || w.known.Extend(got) {
		w.t.Fatalf("entry %d is not taken once", e.Pos)
	}
}

// broadcast lets something happen in the log.
func (x *trial) broadcast(i int) {
	if n := x.rng.IntN(6); n < 3 || len(x.casts) == 0 {
		x.publishToAll(i)
		return
	}
	k := x.rng.IntN(len(x.casts))
	c := x.casts[k]
	e := &actors.LogEntry{Hidden: c.hidden, Audience: c.audience()}
	switch x.rng.IntN(4) {
	case 0:
		if !c.hidden {
			return
		}
		bare := c.message.Copy()
		bare.Content = nil
		e.Kind, e.Message, e.Body, e.Size, e.Hidden, c.hidden = actors.LogKind_LOG_DUE, bare, c.body, uint32(len(c.message.Content)), false, false
	case 1:
		m := c.message.Copy()
		m.Category = string(rune('a' + x.rng.IntN(6)))
		c.model.title = fmt.Sprint("edited", i)
		m.Content = fmt.Appendf(nil, `"title":%q`, c.model.title)
		c.model.category, c.model.size, c.message, c.body = m.Category, len(m.Content), m, x.known.Head()+1
		e.Kind, e.Message = actors.LogKind_LOG_EDITED, m
	case 2:
		e.Kind, e.Id = actors.LogKind_LOG_RETRACTED, c.message.Id
	case 3:
		e.Kind, e.Id = actors.LogKind_LOG_EXPIRED, c.message.Id
	}
	x.append(e)
	x.unmerged = append(x.unmerged, merging{e, c, *c.model})
	if len(e.Id) > 0 {
		x.casts = slices.Delete(x.casts, k, k+1)
		x.clearContents(c)
	}
}

// clearContents takes the content of a message that is over out of the log.
func (x *trial) clearContents(c *logged) {
	for pos, raw := range x.entries {
		e, err := actors.DecodeLogEntry(raw)
		if err != nil {
			x.t.Fatal(err)
		}
		if e.Message != nil && e.Concerns() == actors.ID(c.message.Id) {
			x.entries[pos] = actors.EncodeLogEntry(e.Cleared())
		}
	}
}

func (x *trial) publishToAll(i int) {
	id := id(fmt.Sprint("all", i), x.now)
	c := &logged{hidden: x.rng.IntN(4) == 0, body: x.known.Head() + 1}
	c.model = &modelMessage{id: id, category: string(rune('a' + x.rng.IntN(6))), title: fmt.Sprint("all", i)}
	c.message = &actors.Message{Id: id[:], Category: c.model.category, CreatedAt: x.now, Content: fmt.Appendf(nil, `"title":%q`, c.model.title)}
	c.model.size, c.followers = len(c.message.Content), x.rng.IntN(3) == 0
	if x.rng.IntN(3) == 0 {
		c.message.CollapseKey = string(rune('k' + x.rng.IntN(3)))
		c.model.collapse = c.message.CollapseKey
	}
	x.ids = append(x.ids, id)
	x.casts = append(x.casts, c)
	e := &actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Message: c.message, Hidden: c.hidden, Audience: c.audience()}
	x.append(e)
	x.unmerged = append(x.unmerged, merging{e, c, *c.model})
}

// merging is an entry that the inbox has not merged, with the message as it was then.
type merging struct {
	entry *actors.LogEntry
	cast  *logged
	then  modelMessage
}

// merge lets the inbox and the model take in what the log has since, as a user does before
// it decides anything.
func (x *trial) merge() {
	x.t.Helper()
	if x.b.seq == 0 && len(x.unmerged) > 0 {
		x.do(Ready{Events: []*actors.Event{x.b.Birth(x.moment())}})
	}
	for _, g := range x.unmerged {
		before := x.b.rev
		v := x.b.Merge(x.known.Between(g.entry.Pos-1, g.entry.Pos)[0])
		if (v != nil) != (x.b.rev == before+1) {
			x.t.Fatalf("entry %v: rev from %d to %d, %v", g.entry, before, x.b.rev, v)
		}
		x.model(g)
		if v == nil {
			continue
		}
		if v.Message != nil {
			v.Message = &actors.Message{Id: v.Message.Id, Category: v.Message.Category, Content: []byte(`"title":"any"`)}
		}
		p, ok := actors.NewPushEvent(v, v.Message, actors.State_UNSEEN, 0, x.b.Cursor(), x.b.AppendCounts(nil))
		if !ok {
			x.t.Fatalf("nobody is told of %v", v)
		}
		x.live.take(x.t, p)
	}
	x.unmerged = nil
	if x.b.IsOverfull(&x.limits) {
		x.done(x.b.Expire(x.moment(), &x.limits))
		x.m.expire(x.now)
	}
}

// model does to the model what an entry does.
func (x *trial) model(g merging) {
	o := x.m.find(g.then.id)
	switch g.entry.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		if g.entry.Hidden || g.cast.followers && !x.following {
			return
		}
		n := g.then
		n.at = g.entry.At
		x.m.appear(&n, true)
	case actors.LogKind_LOG_EDITED:
		if o != nil {
			o.category, o.title, o.size = g.then.category, g.then.title, g.then.size
		}
	default:
		x.m.remove(func(n *modelMessage) bool { return n == o })
	}
}

// shed lets the oldest that anybody sees fall out for what was broadcast.
func (m *model) shed() {
	bytes := 0
	for _, o := range m.list {
		bytes += o.size
	}
	for i := 0; i < len(m.list) && (len(m.list) > m.limits.Messages || bytes > m.limits.InboxBytes); {
		if m.list[i].state == actors.State_SCHEDULED {
			i++
			continue
		}
		bytes -= m.list[i].size
		m.list = slices.Delete(m.list, i, i+1)
	}
}
