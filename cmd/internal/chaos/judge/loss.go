package judge

import (
	"time"
)

// A Loss is what a database had lost when another one took its place: messages
// that it held at its end, and the other one not at its beginning.
type Loss struct {
	From time.Duration   // servers may meet the other database from then on
	At   time.Duration   // and none meets the old one
	Lost map[string]bool // by id
}

// CheckLoss judges a user's history in which databases lost what they held last:
// nothing else that was acknowledged may be missing, every client was told each
// time, and what it was shown since then is what the journal says.
func CheckLoss(h *UserHistory, losses []Loss) []error {
	c := newChecker(h)
	c.lost = make(map[string]bool)
	for _, l := range losses {
		for id := range l.Lost {
			c.lost[id] = true
		}
	}
	c.journal()
	c.inbox()
	last := losses[len(losses)-1]
	for _, op := range h.Ops {
		if op.Answered && op.Call > last.At {
			c.answer(op)
		}
	}
	lineage := uint64(0)
	for _, v := range h.Views {
		if l := c.since(v, last); lineage == 0 || l == lineage {
			lineage = l
		} else {
			c.wrong("%s ends with the lineage %x, others with %x", v.Name, l, lineage)
		}
	}
	for _, d := range h.Devices {
		c.delivered(d)
	}
	return c.errs
}

// since judges what a client was shown since it was last told that its history
// is another one, and returns the lineage of then.
func (c *checker) since(v *View, last Loss) uint64 {
	for _, t := range v.Trouble {
		c.wrong("%s: %s", v.Name, t)
	}
	begin, lineage := 0, uint64(0)
	before, told := uint64(0), false
	for i, g := range v.Observations {
		if g.Transport == poll { // it has no cursor that could be reset
			continue
		}
		if g.At <= last.From {
			before = g.Lineage
		}
		if g.Lineage == lineage {
			continue
		}
		if lineage != 0 && g.Type != "reset" && g.Type != "counts" {
			c.wrong("%s, by %s of server %d at %v: %s of another history, and no reset before it", v.Name, g.Transport, g.Server, g.At, g.Type)
		}
		begin, lineage, told = i, g.Lineage, true
	}
	if told && lineage == before && before != 0 {
		c.wrong("%s knew the history that was lost, and was never told", v.Name)
	}
	rest := &View{Name: v.Name}
	for _, g := range v.Observations[begin:] {
		if g.Transport == poll && g.Tally.Rev > c.last.Rev {
			c.wrong("%s, by a poll at %v: rev %d, by the journal %d", v.Name, g.At, g.Tally.Rev, c.last.Rev)
		}
		if g.Transport == poll {
			continue // it may have been answered before the client was told
		}
		if g.Type == "reset" {
			g.Type = "counts"
		}
		rest.Observations = append(rest.Observations, g)
	}
	c.view(rest)
	return lineage
}

// delivered holds that a device has all that was acknowledged and not lost. What
// its session knew may be lost, so that a message may come again.
func (c *checker) delivered(d *Device) {
	got := make(map[string]bool, len(d.IDs))
	for _, id := range d.IDs {
		got[id] = true
	}
	for _, op := range c.h.Ops {
		if op.Kind == Publish && op.Answered && !op.Stopped && op.Call > d.Since && !got[op.ID] && !c.lost[op.ID] {
			c.wrong("%s has never got %s, acknowledged at %v", d.Name, op.ID, op.Return)
		}
	}
}
