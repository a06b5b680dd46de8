package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest/people"
	"reddot/actors/rule"
)

// The broadcast log in the random trial: an app's log grows while the inbox stands
// still, is merged before the next step, and is merged again by each replay.

// logged is a message in the log, as its writer knows it.
type logged struct {
	message *actors.Message
	hidden  bool
	body    uint64
	model   *modelMessage
	to      people.Audience
	shown   int64  // when it became visible
	as      string // its category then
}

// append puts an entry into the log, as a store and a node have it.
func (w *world) append(e *actors.LogEntry) {
	w.t.Helper()
	e.Pos, e.At = w.known.Head()+1, w.now
	if m := e.Message; m != nil && m.Policy != nil && e.Kind != actors.LogKind_LOG_DUE {
		e.Says, e.Excerpt = rule.Digest(m), rule.Excerpt(m)
	}
	if e.Audience == nil {
		e.Audience = &actors.Audience{All: true}
	}
	raw := actors.EncodeLogEntry(e)
	w.entries[e.Pos] = raw
	got, err := actors.DecodeLogEntry(raw)
	if err != nil {
		w.t.Fatalf("an entry of our own: %v", err)
	}
	if w.known.Extend(got) != nil || w.known.Extend(got) == nil || w.whole.Extend(got) != nil {
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
	e := &actors.LogEntry{Hidden: c.hidden, Audience: c.to.Audience, Holds: true}
	switch x.rng.IntN(4) {
	case 0:
		if !c.hidden {
			return
		}
		bare := c.message.Copy()
		bare.Content = nil
		e.Says, e.Excerpt = rule.Digest(c.message), rule.Excerpt(c.message)
		e.Kind, e.Message, e.Body, e.Size, e.Hidden, c.hidden = actors.LogKind_LOG_DUE, bare, c.body, uint32(len(c.message.Content)), false, false
	case 1:
		m := c.message.Copy()
		m.Category = string(rune('a' + x.rng.IntN(6)))
		c.model.title = fmt.Sprint("edited", i)
		m.Content = fmt.Appendf(nil, `"title":%q`, c.model.title)
		c.model.category, c.model.size, c.model.actions, c.message, c.body = m.Category, len(m.Content), false, m, x.known.Head()+1
		e.Kind, e.Message = actors.LogKind_LOG_EDITED, m
	case 2:
		e.Kind, e.Id = actors.LogKind_LOG_RETRACTED, c.message.Id
	case 3:
		e.Kind, e.Id = actors.LogKind_LOG_EXPIRED, c.message.Id
	}
	x.append(e, c)
	if len(e.Id) > 0 {
		x.casts = slices.Delete(x.casts, k, k+1)
		x.clearContents(c)
	}
}

// forget lets the log forget what no user's state rests on (actors/broadcast/retention.go).
func (x *trial) forget() {
	l := &x.limits
	x.known.TrimBefore(x.now - l.MessageAge.Milliseconds() - l.RetainAge.Milliseconds() - l.EraseWithin.Milliseconds())
	for pos := range x.entries {
		if pos <= x.known.Floor() && !slices.ContainsFunc(x.casts, func(c *logged) bool { return c.body == pos }) {
			delete(x.entries, pos)
		}
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
			x.entries[pos] = actors.EncodeLogEntry(e.Cleared(true))
		}
	}
}

func (x *trial) publishToAll(i int) {
	id := id(fmt.Sprint("all", i), x.now)
	c := &logged{hidden: x.rng.IntN(4) == 0, body: x.known.Head() + 1}
	c.model = &modelMessage{id: id, category: string(rune('a' + x.rng.IntN(6))), title: fmt.Sprint("all", i)}
	c.message = &actors.Message{Id: id[:], Category: c.model.category, CreatedAt: x.now, Content: fmt.Appendf(nil, `"title":%q`, c.model.title)}
	c.message.Content = x.withActions(c.message.Content, c.model)
	c.model.size = len(c.message.Content)
	c.to = people.RandomAudience(x.rng)
	if x.rng.IntN(3) == 0 {
		c.to.Audience = forNewcomers(c.to.Audience)
	}
	c.model.tenant = x.someTenant()
	c.message.Tenant = c.model.tenant
	if x.rng.IntN(3) == 0 {
		c.message.CollapseKey = string(rune('k' + x.rng.IntN(3)))
		c.model.collapse = c.message.CollapseKey
	}
	if x.rng.IntN(3) == 0 {
		c.message.Policy, c.model.capped = modelPolicy, true
	}
	x.ids = append(x.ids, id)
	x.casts = append(x.casts, c)
	e := &actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Message: c.message, Hidden: c.hidden, Audience: c.to.Audience, Holds: true}
	x.append(e, c)
}

// append puts an entry into the log, and writes what it does to the user into the model.
func (x *trial) append(e *actors.LogEntry, c *logged) {
	if x.b.seq == 0 && !x.erased {
		x.birth()
	}
	if e.Kind == actors.LogKind_LOG_DUE || e.Kind == actors.LogKind_LOG_PUBLISHED && !e.Hidden {
		c.shown, c.as = x.now, c.model.category
		x.casts = append(slices.DeleteFunc(x.casts, func(o *logged) bool { return o == c }), c) // in the order in which they appear
	}
	x.note("entry %d: %v of %s for %v, hidden %v", x.known.Head()+1, e.Kind, c.model.id, c.to.Audience, e.Hidden)
	x.world.append(e)
	x.unmerged = append(x.unmerged, e)
	x.model(e, c)
}

// sleeps tells whether the user is away: the log goes on, and the journal may be read anew.
func (x *trial) sleeps() bool {
	switch {
	case x.away > 0 && x.now >= min(x.b.Due(&x.limits), x.b.SweepDue(&x.limits)):
		x.away = 0
	case x.away > 0:
		x.away--
		if x.rng.IntN(20) == 0 {
			x.note("restart, asleep")
			x.restart()
		}
	case x.rng.IntN(150) == 0:
		x.away = x.rng.IntN(150)
		x.note("away")
	}
	return x.away > 0
}

// merge lets the inbox take in what the log has since, as a user does before it decides
// anything.
func (x *trial) merge() {
	x.t.Helper()
	x.b.SkipTo(x.known.Floor())
	told := x.outlined()
	defer func() { told() }()
	for _, entry := range x.unmerged {
		if entry.Pos <= x.b.pos {
			continue
		}
		x.mergeOne(x.known.Between(entry.Pos-1, entry.Pos)[0])
	}
	x.unmerged = nil
	if x.b.IsOverfull(&x.limits) {
		x.done(x.b.Expire(x.moment(), &x.limits))
		x.m.expire(x.now, x.wants)
	}
}

// mergeOne merges an entry, and tells the live client.
func (x *trial) mergeOne(e *actors.KnownEntry) {
	x.t.Helper()
	before := x.b.rev
	v := x.b.Merge(e)
	if (v != nil) != (x.b.rev == before+1) {
		x.t.Fatalf("entry %v: rev from %d to %d, %v", e.LogEntry, before, x.b.rev, v)
	}
	if v == nil {
		return
	}
	if v.Message != nil {
		v.Message = &actors.Message{Id: v.Message.Id, Category: v.Message.Category, Content: []byte(`"title":"any"`)}
	}
	p, ok := actors.NewPushEvent(v, actors.Shown{Message: v.Message}, x.b.Cursor(), x.b.AppendCounts(nil))
	if !ok {
		x.t.Fatalf("nobody is told of %v", v)
	}
	x.live.take(x.t, p)
}

// model writes the user's row for an entry, as it is appended: by what the user is then.
func (x *trial) model(e *actors.LogEntry, c *logged) {
	o := x.m.find(c.model.id)
	switch e.Kind {
	case actors.LogKind_LOG_PUBLISHED, actors.LogKind_LOG_DUE:
		if e.Hidden || x.erased || !c.to.Has(x.who, e.At) || !x.wants(c.model) {
			return
		}
		n := *c.model
		n.at = e.At
		if n.waits(e.At) {
			x.m.appear(&n, false)
		} else if x.m.passes(&n, e.At) {
			x.m.appear(&n, true)
		}
	case actors.LogKind_LOG_EDITED:
		if o != nil {
			o.category, o.title, o.size, o.actions = c.model.category, c.model.title, c.model.size, false
		}
	default:
		x.m.remove(func(n *modelMessage) bool { return n == o })
	}
}

// describe changes what is known of the user, and forgets it now and then.
func (x *trial) describe() {
	var r Ready
	switch n := x.rng.IntN(24); {
	case n < 5:
		r = x.b.Follow(x.who.Follow(x.rng), actors.Once{}, x.moment())
	case n < 10:
		r = x.b.JoinList(x.who.Join(x.rng), actors.Once{}, x.moment())
	case n < 17:
		r = x.b.SetProfile(x.who.Describe(x.rng, x.now), actors.Once{}, x.moment())
	case n < 20:
		r = x.b.SetPreferences(x.who.Prefer(x.rng), actors.Once{}, x.moment())
	case n < 23:
		r = x.b.Import(x.who.Import(x.rng, x.now), actors.Once{}, x.moment())
	case x.b.seq > 0:
		x.note("erase")
		x.erase(actors.Once{})
		x.m.list, x.m.spent, x.cursors, x.who, x.erased = nil, nil, nil, people.New(), true
		x.live.states, x.live.counts = map[string]string{}, ""
		return
	}
	x.note("the user %v", x.who)
	if r.Err != nil {
		x.t.Fatal(r.Err)
	}
	if x.done(r); len(r.Events) > 0 {
		x.erased = false
	}
	x.compareProfile()
}

// compareProfile holds what is known of the user against the model.
func (x *trial) compareProfile() {
	x.t.Helper()
	p := x.b.Profile
	if got := p.Profile().GetTags(); !slices.Equal(got, x.who.Tags()) {
		x.t.Fatalf("the tags %q, want %q", got, x.who.Tags())
	}
	if got, err := p.Preferences().MarshalVT(); err != nil || !bytes.Equal(got, x.who.Prefers()) {
		x.t.Fatalf("the preferences %q, %v, want %q", got, err, x.who.Prefers())
	}
	for _, topic := range people.Topics {
		if p.Following(topic) != x.who.Follows[topic] {
			x.t.Fatalf("following %s is %v", topic, !x.who.Follows[topic])
		}
	}
	for _, list := range people.Lists {
		if p.InList(list) != x.who.Lists[list] {
			x.t.Fatalf("being in the list %s is %v", list, !x.who.Lists[list])
		}
	}
}

// shed lets the oldest that anybody sees fall out for what was broadcast.
func (m *model) shed() {
	bytes := 0
	for _, o := range m.list {
		bytes += o.size
	}
	for i := 0; i < len(m.list) && (len(m.list) > m.limits.Messages || bytes > m.limits.InboxBytes); {
		if m.list[i].state == actors.State_SCHEDULED && m.list[i].own {
			i++
			continue
		}
		bytes -= m.list[i].size
		m.list = slices.Delete(m.list, i, i+1)
	}
}

// TestEndsOfOthers: who resumes is told of the end of what came to it, and not of what was
// for others.
func TestEndsOfOthers(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	own := id("own", w.now)
	w.do(w.b.Publish(&actors.Message{Id: own[:], Category: "a", Content: []byte(`"title":"own"`)}, actors.Once{}, w.moment(), &w.limits))
	at := w.b.Cursor()
	names := map[actors.ID]string{}
	say := func(name string, a *actors.Audience) []byte {
		n := id(name, w.now)
		names[n] = name
		w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Audience: a, Message: &actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}})
		return n[:]
	}
	all, topic := &actors.Audience{All: true}, &actors.Audience{Topic: "news"}
	mine, foreign := say("to all", all), say("to followers", topic)
	short, foreignShort := say("short, to all", all), say("short, to followers", topic)
	for _, n := range [][]byte{foreign, mine} {
		w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_RETRACTED, Audience: all, Id: n})
	}
	for _, n := range [][]byte{foreignShort, short} {
		w.append(&actors.LogEntry{Kind: actors.LogKind_LOG_EXPIRED, Audience: all, Id: n})
	}
	w.mergeUpTo(w.b, w.known.Head())
	w.checkpoint()
	w.restart()
	p, err := w.page(at, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range p.Events {
		var v struct{ IDs []string }
		if err := json.Unmarshal(e.JSON, &v); err != nil {
			t.Fatal(err)
		}
		for n, name := range names {
			if slices.Contains(v.IDs, n.String()) {
				told = append(told, name)
			}
		}
	}
	if want := []string{"to all", "short, to all"}; !slices.Equal(told, want) {
		t.Errorf("told of the ends of %q, want %q", told, want)
	}
}
