package user_test

import (
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/actors/actorstest/people"
)

// Joining in the random trial: what was broadcast also for those who come later, as they
// find it who come, or come back after an erase.

// forNewcomers lets an audience have also those who join later.
func forNewcomers(a *actors.Audience) *actors.Audience {
	return &actors.Audience{All: a.All, Topic: a.Topic, List: a.List, Segment: a.Segment, Newcomers: true}
}

// meet lets somebody come to whom nothing has ever happened: by a message, by a look, by a
// connection, or by what is said of it.
func (x *trial) meet() {
	x.keys++
	p := &person{name: fmt.Sprint("new", x.keys), who: people.New(), erased: true}
	x.people[p.name] = p
	waiting := x.waiting(p)
	look := &person{name: p.name, who: p.who, rows: waiting}
	x.note("%s comes, for whom %d messages wait", p.name, len(waiting))
	if x.rng.IntN(2) == 0 { // to look writes nothing
		x.compareCounts(look, "")
		x.compareList(look, "")
	}
	switch n := x.rng.IntN(4); {
	case n == 0 && len(waiting) > 0:
		x.j.Refuse(nil) // a connection would come again for ever
		x.join(p)
		x.attach(p)
		x.compareShown(p)
	case n == 1 && len(waiting) > 0:
		x.join(p)
		x.mark(p)
	case n == 2:
		x.describe(p)
		x.join(p) // also by what changes nothing: its key is its first event
	}
	if p.erased { // it would be nobody still
		x.publish(p)
	}
}

// waiting returns the rows of what was broadcast also for one who joins now.
func (x *trial) waiting(p *person) (rows []*row) {
	n := person{rows: slices.Clone(p.rows)}
	for _, c := range x.casts {
		if c.sendAt != 0 || !c.to.Newcomers || !c.to.Has(p.who, c.shown) || !p.who.Wants(c.as, c.tenant) || n.hasOwn(c) {
			continue
		}
		r := c.row
		r.expires = 0 // the log says when
		n.appear(&r)
	}
	return n.rows
}

// join writes the rows of what waited for one who has just joined.
func (x *trial) join(p *person) {
	if p.erased {
		p.erased, p.rows = false, x.waiting(p)
	}
}

// hasOwn tells whether a message that came to the user alone has the place of a broadcast.
func (p *person) hasOwn(c *cast) bool {
	for _, o := range slices.Backward(p.rows) {
		if c.collapse != "" && o.collapse == c.collapse && o.tenant == c.tenant && o.state != "archived" && o.state != "scheduled" {
			return !o.all
		}
	}
	return false
}
