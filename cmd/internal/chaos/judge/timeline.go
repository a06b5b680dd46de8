package judge

import (
	"fmt"
	"slices"
)

// What a user was to see: the events of its journal, and between them the entries of the
// broadcast log that concern it, each merged before the first event that says so.

// A change is one moment of that.
type change struct {
	seq, pos uint64 // of the event; or of the entry, pos not being 0, and the event before it
	rev      uint64
	told     string // the type of what clients are told
	ids      []string
	replaced []string // whose place the message takes
	state    string
	events   int // how many of the changes up to this one are events
}

// remains is what clients are told of a message that has left again.
func (n change) remains() change {
	n.told, n.ids, n.state, n.replaced = "state", n.replaced, "dropped", nil
	return n
}

// journal holds that the journal has no gap and no fork, and learns from it and from the
// log what the state was at each rev.
func (c *checker) journal() {
	c.made[0] = Tally{}
	for _, tenant := range Tenants {
		c.madeOf[tenant] = map[uint64]Tally{0: {}}
	}
	seq, pos := uint64(0), uint64(0)
	for _, e := range c.h.Journal {
		if e.Seq != seq+1 {
			c.wrong("the journal has event %d behind event %d", e.Seq, seq)
		}
		if seq == 0 {
			pos = e.Pos // what was broadcast before is not for this user
		}
		if e.Pos < pos {
			c.wrong("event %d of the journal is behind entry %d of the log, the one before it behind entry %d", e.Seq, e.Pos, pos)
		}
		pos = c.merge(seq, pos, e.Pos)
		seq = e.Seq
		for _, t := range e.Followed {
			c.follows[t] = true
		}
		for _, t := range e.Unfollowed {
			delete(c.follows, t)
		}
		for _, name := range e.Joined {
			c.follows[Listed(name)] = true
		}
		for _, name := range e.Left {
			delete(c.follows, Listed(name))
		}
		if e.Known != nil {
			c.known = *e.Known
		}
		if e.Rev == c.last.Rev {
			continue
		}
		if e.Rev != c.last.Rev+1 {
			c.wrong("event %d of the journal has rev %d behind rev %d", e.Seq, e.Rev, c.last.Rev)
		}
		c.last.Rev = e.Rev
		c.take(&e)
		told := map[string]string{"accepted": "message", "marked": "state", "expired": "state"}[e.Kind]
		c.changed(change{seq: e.Seq, told: told, ids: e.IDs, replaced: e.Replaced, state: e.State})
	}
	if c.h.Log != nil && seq > 0 {
		c.merge(seq, pos, uint64(len(c.h.Log.Entries)))
	}
}

// changed notes a change that has just been taken in.
func (c *checker) changed(n change) {
	n.rev = c.last.Rev
	if len(c.changes) > 0 {
		n.events = c.changes[len(c.changes)-1].events
	}
	if n.pos == 0 {
		n.events++
	}
	c.changes = append(c.changes, n)
	c.last = c.tallyOf("")
	c.made[n.rev] = c.last
	for _, tenant := range Tenants {
		c.madeOf[tenant][n.rev] = c.tallyOf(tenant)
	}
}

// take takes in an event of the journal that changes what the user sees.
func (c *checker) take(e *Entry) {
	if e.Kind == "accepted" {
		c.labels[e.IDs[0]] = e.Label
		if want := c.replaced(e.IDs[0]); !slices.Equal(e.Replaced, want) {
			c.wrong("event %d of the journal: %s takes the place of %v, want %v", e.Seq, e.IDs[0], e.Replaced, want)
		}
		for _, id := range e.Replaced {
			c.become(id, absent)
		}
	}
	if e.Kind == "expired" {
		e.State = "expired"
		for _, id := range e.IDs {
			if _, known := c.states[id]; !known {
				c.wrong("event %d of the journal: the end of %s, which is not there", e.Seq, id)
			}
			c.expired(id, e.At)
			c.become(id, absent)
		}
		return
	}
	for _, id := range e.IDs {
		was, known := c.states[id]
		if known == (e.Kind == "accepted") {
			c.wrong("event %d of the journal: %s of %s, whose state is %q", e.Seq, e.Kind, id, was)
		}
		is, ok := map[string]byte{"unseen": unseen, "seen": seen, "read": read}[e.State]
		if !ok {
			c.wrong("event %d of the journal: the state %q", e.Seq, e.State)
		}
		if e.Kind == "accepted" {
			c.revs[id] = e.Rev
		}
		c.become(id, is)
	}
}

// become gives a message a state; absent: it leaves.
func (c *checker) become(id string, is byte) {
	if c.states[id] = is; is == absent {
		delete(c.states, id)
	}
}

// merge takes in the entries of the log behind the event seq, from behind one position up
// to another, and returns that.
func (c *checker) merge(seq, pos, upto uint64) uint64 {
	if upto > pos && (c.h.Log == nil || upto > uint64(len(c.h.Log.Entries))) {
		c.wrong("the event behind event %d says that the log was merged up to entry %d, which it does not have", seq, upto)
		return upto
	}
	for ; pos < upto; pos++ {
		e := &c.h.Log.Entries[pos]
		n := change{seq: seq, pos: e.Pos, ids: []string{e.ID}}
		_, known := c.states[e.ID]
		if e.Kind == Published {
			c.labels[e.ID] = e.Label
		}
		switch {
		case e.Hidden:
			if e.Kind == Published || e.Kind == Edited {
				c.bodies[e.ID] = e.Body
			}
			continue
		case e.Kind == Published || e.Kind == Due:
			if !c.isIn(e) {
				continue
			}
			n.told, n.replaced = "message", c.replaced(e.ID)
		case !known:
			continue
		case e.Kind == Edited:
			n.told = "update"
		case e.Kind == Retracted:
			n.told = "retract"
		case e.Kind == Expired:
			n.told, n.state = "state", "expired"
			c.expired(e.ID, e.At)
		}
		if e.Kind == Published || e.Kind == Edited {
			c.bodies[e.ID] = e.Body
		}
		c.last.Rev++
		switch n.told {
		case "message":
			c.revs[e.ID] = c.last.Rev
			for _, id := range n.replaced {
				c.become(id, absent)
			}
			c.become(e.ID, unseen)
		case "retract", "state":
			c.become(e.ID, absent)
		}
		c.changed(n)
	}
	return pos
}

// index returns how many of the changes a client has seen that has the cursor of g; false:
// no client can have seen just those.
func (c *checker) index(g Observation) (n int, ok bool) {
	events, entries := 0, 0
	for i := range c.changes {
		switch x := &c.changes[i]; {
		case x.pos == 0 && x.seq <= g.Seq:
			events++
		case x.pos != 0 && x.pos <= g.Pos:
			entries++
		}
	}
	n = events + entries
	return n, n == 0 || c.changes[n-1].events == events
}

// at returns the change that an event of a client tells of, who has then seen n.
func (c *checker) at(g Observation, n int) (change, bool) {
	if n == 0 {
		return change{}, false
	}
	x := c.changes[n-1]
	return x, x.pos == 0 && x.seq == g.Seq || x.pos != 0 && x.pos == g.Pos
}

// place names a place among the changes.
func (c *checker) place(n int) string {
	if n == 0 {
		return "the beginning"
	}
	return fmt.Sprintf("%d/%d", c.changes[n-1].seq, c.changes[n-1].pos)
}

// missed returns how many changes behind one place, up to another, a client is told of
// that was away. It is not shown a message that has left since, nor an edit that was not the
// last; but that another message had to leave for it.
func (c *checker) missed(at, to int) (n int) {
	for i := at; i < to; i++ {
		if len(c.changes[i].replaced) > 0 || !c.superseded(i) {
			n++
		}
	}
	return n
}

// superseded tells whether the message that a change brings has left since, or was edited
// again.
func (c *checker) superseded(i int) bool {
	x := &c.changes[i]
	if x.told != "message" && x.told != "update" {
		return false
	}
	id := x.ids[0]
	return slices.ContainsFunc(c.changes[i+1:], func(y change) bool {
		gone := y.told == "retract" || y.told == "state" && y.state == "expired"
		return slices.Contains(y.replaced, id) || slices.Contains(y.ids, id) && (gone || y.told == "update" && x.told == "update")
	})
}
