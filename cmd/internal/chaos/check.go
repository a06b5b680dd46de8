package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Check judges a user's history, and returns what is wrong with it.
func Check(h *UserHistory, patience time.Duration) []error {
	c := &checker{h: h, made: make(map[uint64]Tally), visible: make(map[uint64]Entry)}
	c.journal()
	c.inbox()
	c.operations()
	for _, v := range h.Views {
		c.view(v)
	}
	for _, d := range h.Devices {
		c.device(d)
	}
	if err := linearizable(h, patience); err != nil {
		c.wrong("%v", err)
	}
	return c.errs
}

// A checker judges one user's history.
type checker struct {
	h       *UserHistory
	errs    []error
	states  map[string]byte   // of messages, by id, as the journal has it at its end
	revs    map[string]uint64 // of messages, by id: the rev of the event that accepted it
	made    map[uint64]Tally  // the tally at each rev
	visible map[uint64]Entry  // the events that clients are shown, by seq
	seqs    []uint64          // theirs, rising
	last    Tally
	lost    map[string]bool // messages that the database had lost, by id
}

// maxErrors is how many errors of a user are told.
const maxErrors = 20

func (c *checker) wrong(format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, fmt.Errorf(c.h.User+": "+format, args...))
	}
}

// journal holds that the journal has no gap and no fork, and learns from it what
// the state was at each rev.
func (c *checker) journal() {
	c.states, c.revs = make(map[string]byte), make(map[string]uint64)
	c.made[0] = Tally{}
	seq := uint64(0)
	for _, e := range c.h.Journal {
		if e.Seq != seq+1 {
			c.wrong("the journal has event %d behind event %d", e.Seq, seq)
		}
		seq = e.Seq
		if e.Rev == c.last.Rev {
			continue
		}
		if e.Rev != c.last.Rev+1 {
			c.wrong("event %d of the journal has rev %d behind rev %d", e.Seq, e.Rev, c.last.Rev)
		}
		c.last.Rev = e.Rev
		c.take(e)
		c.made[e.Rev] = c.last
		c.visible[e.Seq] = e
		c.seqs = append(c.seqs, e.Seq)
	}
}

// take takes in an event of the journal that changes what the user sees.
func (c *checker) take(e Entry) {
	for _, id := range e.IDs {
		was, known := c.states[id]
		if known == (e.Kind == "accepted") {
			c.wrong("event %d of the journal: %s of %s, whose state is %q", e.Seq, e.Kind, id, was)
		}
		is, ok := map[string]byte{"unseen": unseen, "seen": seen, "read": read}[e.State]
		if !ok {
			c.wrong("event %d of the journal: the state %q", e.Seq, e.State)
		}
		c.states[id] = is
		if e.Kind == "accepted" {
			c.revs[id] = e.Rev
		}
		c.last.Unread += unreads(is) - unreads(was)
		c.last.Unseen += unseens(is) - unseens(was)
	}
}

// inbox holds the inbox and the counts at the end against the journal.
func (c *checker) inbox() {
	states := map[string]byte{"unseen": unseen, "seen": seen, "read": read}
	bodies := make(map[string]string)
	listed := make(map[string]bool)
	for _, m := range c.h.Inbox {
		if id, twice := bodies[m.Body]; twice {
			c.wrong("%q is there twice: %s and %s", m.Body, id, m.ID)
		}
		bodies[m.Body] = m.ID
		listed[m.ID] = true
		if got, want := states[m.State], c.states[m.ID]; got != want {
			c.wrong("%q (%s) is %s in the inbox, and %q by the journal", m.Body, m.ID, m.State, want)
		}
		if !slices.Contains(c.h.Bodies, m.Body) {
			c.wrong("%q was never published", m.Body)
		}
	}
	for id := range c.states {
		if !listed[id] {
			c.wrong("%s is in the journal and not in the inbox", id)
		}
	}
	if len(c.h.Finals) == 0 {
		c.wrong("nobody was asked for the counts at the end")
	}
	for i, f := range c.h.Finals {
		if f != c.last {
			c.wrong("counts at the end, answer %d: %+v, by the journal %+v", i, f, c.last)
		}
	}
	for _, op := range c.h.Ops {
		if op.Kind == Publish && op.Answered && bodies[c.h.Bodies[op.Message]] != op.ID && !c.lost[op.ID] {
			c.wrong("%q was acknowledged as %s at %v; the inbox has %q", c.h.Bodies[op.Message], op.ID, op.Return, bodies[c.h.Bodies[op.Message]])
		}
	}
}

// operations holds each answer against the journal.
func (c *checker) operations() {
	for _, op := range c.h.Ops {
		if op.Answered {
			c.answer(op)
		}
	}
}

// answer holds an answer against the journal.
func (c *checker) answer(op Op) {
	if op.Kind == Publish && c.revs[op.ID] != op.Rev {
		c.wrong("%s was acknowledged with rev %d; the journal has it with rev %d", op.ID, op.Rev, c.revs[op.ID])
	}
	if want, ok := c.made[op.Tally.Rev]; !ok || want != op.Tally {
		c.wrong("%s, answered at %v: %+v, by the journal %+v", op.Kind, op.Return, op.Tally, want)
	}
}

// view holds what a client saw against the journal: each event once, in order,
// and without a gap, and the right counts with it.
func (c *checker) view(v *View) {
	wrong := func(g Observation, format string, args ...any) {
		c.wrong("%s, by %s of server %d at %v: %s", v.Name, g.Transport, g.Server, g.At, fmt.Sprintf(format, args...))
	}
	for _, t := range v.Trouble {
		c.wrong("%s: %s", v.Name, t)
	}
	at, rev, lineage := uint64(0), uint64(0), uint64(0)
	met := false
	for _, g := range v.Observations {
		if want, ok := c.made[g.Tally.Rev]; !ok || want != g.Tally {
			wrong(g, "%s shows %+v, by the journal %+v", g.Type, g.Tally, want)
		}
		if g.Tally.Rev < rev {
			wrong(g, "%s shows rev %d behind rev %d", g.Type, g.Tally.Rev, rev)
		}
		rev = max(rev, g.Tally.Rev)
		if g.Transport == poll {
			continue // it has no cursor, and sees no events
		}
		if lineage != 0 && g.Lineage != lineage { // it is minted by the first event
			wrong(g, "another lineage: %x and %x", lineage, g.Lineage)
		}
		lineage = g.Lineage
		switch {
		case g.Type == "counts":
			if met && g.Seq > at && c.between(at, g.Seq) > 0 {
				wrong(g, "counts at %d skip %d events behind %d", g.Seq, c.between(at, g.Seq), at)
			}
		case !met:
			wrong(g, "the first event is %s", g.Type)
		default:
			c.event(g, at, wrong)
		}
		at, met = max(at, g.Seq), true
	}
	if rev != c.last.Rev {
		c.wrong("%s ends with rev %d, by the journal %d", v.Name, rev, c.last.Rev)
	}
	if met && c.between(at, 1<<63) > 0 {
		c.wrong("%s ends at event %d and misses %d", v.Name, at, c.between(at, 1<<63))
	}
}

// event judges one event that a client saw, who had seen all up to at.
func (c *checker) event(g Observation, at uint64, wrong func(Observation, string, ...any)) {
	e, ok := c.visible[g.Seq]
	if !ok {
		wrong(g, "%s at %d, where the journal has nothing to see", g.Type, g.Seq)
		return
	}
	if g.Seq <= at {
		wrong(g, "%s at %d comes again, or late: it had seen all up to %d", g.Type, g.Seq, at)
		return
	}
	if n := c.between(at, g.Seq-1); n > 0 {
		wrong(g, "%s at %d: a gap of %d events behind %d", g.Type, g.Seq, n, at)
	}
	if want := map[string]string{"accepted": "message", "marked": "state"}[e.Kind]; g.Type != want {
		wrong(g, "%s at %d, in the journal it is %s", g.Type, g.Seq, e.Kind)
	}
	if a, b := slices.Sorted(slices.Values(g.IDs)), slices.Sorted(slices.Values(e.IDs)); !slices.Equal(a, b) {
		wrong(g, "%s at %d is about %s, in the journal about %s", g.Type, g.Seq, strings.Join(a, " "), strings.Join(b, " "))
	}
	if g.Type == "state" && g.State != e.State {
		wrong(g, "state at %d is %s, in the journal %s", g.Seq, g.State, e.State)
	}
	if g.Tally.Rev < e.Rev {
		wrong(g, "%s at %d has rev %d and shows counts of rev %d", g.Type, g.Seq, e.Rev, g.Tally.Rev)
	}
}

// between returns how many events there are to see behind one seq, up to another.
func (c *checker) between(after, upto uint64) int {
	i, _ := slices.BinarySearch(c.seqs, after+1)
	j, _ := slices.BinarySearch(c.seqs, upto+1)
	return max(0, j-i)
}

// device holds what an MQTT session was sent with QoS 2 against the journal: all
// that was published after it subscribed, each message once, in order.
func (c *checker) device(d *Device) {
	for _, t := range d.Trouble {
		c.wrong("%s: %s", d.Name, t)
	}
	if d.Since == 0 {
		c.wrong("%s has never subscribed", d.Name)
	}
	got := make(map[string]bool, len(d.IDs))
	rev := uint64(0)
	for _, id := range d.IDs {
		at, ok := c.revs[id]
		switch {
		case got[id]:
			c.wrong("%s got %s twice, with QoS 2", d.Name, id)
		case !ok:
			c.wrong("%s got %s, which the journal does not have", d.Name, id)
		case at < rev:
			c.wrong("%s got %s of rev %d behind rev %d", d.Name, id, at, rev)
		}
		got[id] = true
		rev = max(rev, at)
	}
	for _, op := range c.h.Ops {
		if op.Kind == Publish && op.Answered && op.Call > d.Since && !got[op.ID] {
			c.wrong("%s has never got %s, acknowledged at %v", d.Name, op.ID, op.Return)
		}
	}
}
