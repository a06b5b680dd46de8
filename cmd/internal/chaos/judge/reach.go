package judge

import (
	"math"
	"slices"
	"time"
)

// Whom a broadcast must reach, by what was acknowledged: what had been acknowledged before it
// was published counts, what was asked for after it was acknowledged does not, and what
// overlaps may be either.

// broadcasts holds what the user has of the log against its acknowledged operations.
func (c *checker) broadcasts() {
	said := slices.Clone(c.h.Topics)
	for _, name := range c.h.Lists {
		said = append(said, Listed(name))
	}
	for topic := range c.follows {
		if !slices.Contains(said, topic) {
			c.wrong("by its journal it follows %s, at the end it is said not to", topic)
		}
	}
	for _, topic := range said {
		if !c.follows[topic] {
			c.wrong("at the end it is said to follow %s, by its journal it does not", topic)
		}
	}
	for _, op := range c.h.Follows {
		if is, sure := c.followed(op.Topic, Unanswered, Unanswered); sure && is != c.follows[op.Topic] {
			c.wrong("that it follows %s is %v at the end; the last that was acknowledged is %v", op.Topic, !is, is)
		}
	}
	if c.h.Log == nil {
		return
	}
	made := c.h.Log.made(func(string, ...any) {})
	for i, op := range c.h.Log.Ops {
		e := made[i]
		if e == nil || op.Change != Published || e.Hidden || !c.knownBefore(op.Call) {
			continue
		}
		got := c.revs[e.ID] != 0
		if must, sure := c.mustBeIn(op.Audience, e.Where, op.Call, op.Return); sure && got != must {
			c.wrong("that the broadcast %s to %+v reached it is %v; by what was acknowledged when it was published, at %v, it is %v", e.ID, op.Audience, got, op.Call, must)
		}
	}
}

// knownBefore tells whether an operation on the user had been acknowledged before a time.
func (c *checker) knownBefore(at time.Duration) bool {
	return slices.ContainsFunc(c.h.Ops, func(op Op) bool {
		return op.Answered && !op.Missing && !op.Stopped && op.Kind != Counts && op.Return < at
	})
}

// followed tells whether the user followed a topic between two times. It is sure if no
// operation overlaps them, and those before do not leave it open.
func (c *checker) followed(topic string, from, to time.Duration) (is, sure bool) {
	if to != Unanswered {
		to += c.lag()
	}
	var before []FollowOp
	for _, op := range c.h.Follows {
		switch {
		case op.Topic != topic || op.Call > to:
		case !op.Answered && !op.Maybe || op.Return >= from && from != Unanswered:
			return false, false
		default:
			before = append(before, op)
		}
	}
	last := slices.DeleteFunc(slices.Clone(before), func(op FollowOp) bool {
		return slices.ContainsFunc(before, func(o FollowOp) bool { return o.Call > op.Return && !o.Maybe })
	})
	sure, known := true, false
	for _, op := range last {
		if !op.Maybe {
			sure = sure && (!known || !op.Stop == is)
			is, known = !op.Stop, true
		}
	}
	for _, op := range last {
		sure = sure && (!op.Maybe || !op.Stop == is)
	}
	return is, sure
}

// merges returns what the log has done to the user, as operations: each happened at some
// moment from when it was asked for until all servers knew of it.
func (c *checker) merges() (list []Op) {
	list = c.ends()
	if c.h.Log == nil {
		return list
	}
	by := make(map[uint64]Broadcast)
	for i, e := range c.h.Log.made(func(string, ...any) {}) {
		if e != nil {
			by[e.Pos] = c.h.Log.Ops[i]
		}
	}
	numbers, next := c.h.Numbers, len(c.h.Bodies)
	if numbers == nil {
		numbers = make(map[string]int)
	}
	for i := range c.changes {
		x := &c.changes[i]
		if x.pos == 0 {
			continue
		}
		id := x.ids[0]
		if _, ok := numbers[id]; !ok {
			numbers[id] = next
			next++
		}
		op := Op{Label: c.labels[id], Kind: map[string]Kind{"message": shows, "update": recasts}[x.told], Message: numbers[id], Return: Unanswered, Answered: true, Repeated: true, Rev: x.rev}
		if op.Kind == 0 {
			op.Kind = withdraws
		}
		if asked, ok := by[x.pos]; ok {
			op.Call = asked.Call
			if asked.Answered {
				op.Return = asked.Return + min(c.h.Log.Lag, math.MaxInt64-asked.Return)
			}
		}
		list = append(list, op)
	}
	return list
}

// ends returns what has expired by an event of the user's own, as operations: each happened
// at some moment, which its rev tells.
func (c *checker) ends() (list []Op) {
	numbers := make(map[string]int)
	for _, op := range c.h.Ops {
		if op.Kind == Publish && op.Answered {
			numbers[op.ID] = op.Message
		}
	}
	for i := range c.changes {
		x := &c.changes[i]
		if x.pos != 0 || x.state != "expired" {
			continue
		}
		op := Op{Kind: expires, Return: Unanswered, Answered: true, Repeated: true, Rev: x.rev}
		for _, id := range x.ids {
			if n, ok := numbers[id]; ok {
				op.Numbers = append(op.Numbers, n)
			} else {
				c.wrong("%s has expired, and nobody knows who published it", id)
			}
		}
		list = append(list, op)
	}
	return list
}

// reached holds what was broadcast against what came to a device: all that is still there
// and was published after it subscribed.
func (c *checker) reached(d *Device, got map[string]bool) {
	if c.h.Log == nil {
		return
	}
	last := uint64(0)
	for id := range got {
		last = max(last, c.revs[id])
	}
	calls := make(map[string]Broadcast)
	for i, e := range c.h.Log.made(func(string, ...any) {}) {
		if op := c.h.Log.Ops[i]; e != nil && op.Change == Published {
			calls[e.ID] = op
		}
	}
	for i := range c.changes {
		x := &c.changes[i]
		if x.pos == 0 || x.told != "message" || c.superseded(i) || got[x.ids[0]] {
			continue
		}
		op, ok := calls[x.ids[0]]
		if ok && op.Call > d.Since && (x.rev <= last || op.Answered && op.ToAll() && c.labels[x.ids[0]].Stays()) {
			c.wrong("%s has never got the broadcast %s, acknowledged at %v", d.Name, x.ids[0], op.Return)
		}
	}
}
