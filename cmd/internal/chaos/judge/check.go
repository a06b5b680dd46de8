package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Check judges a user's history, and returns what is wrong with it.
func Check(h *UserHistory, patience time.Duration) []error {
	c := newChecker(h)
	c.journal()
	c.inbox()
	c.overdue()
	c.operations()
	c.broadcasts()
	c.previews()
	for _, v := range h.Views {
		c.view(v)
	}
	for _, d := range h.Devices {
		c.device(d)
	}
	if err := linearizable(h, c.merges(), patience); err != nil {
		c.wrong("%v", err)
	}
	for what, list := range map[string][]ProfileOp{"profile": h.Profile, "preferences": h.Wishes} {
		if err := register(list, patience); err != nil {
			c.wrong("its %s: %v", what, err)
		}
	}
	return c.errs
}

// A checker judges one user's history.
type checker struct {
	h       *UserHistory
	errs    []error
	states  map[string]byte   // of messages, by id, as the journal and the log have it at their ends
	revs    map[string]uint64 // of messages, by id: the rev at which each came
	bodies  map[string]string // of broadcasts, by id, likewise
	made    map[uint64]Tally  // the tally at each rev
	changes []change          // what clients are shown, in its order
	follows map[string]bool   // and lists
	known   Known
	labels  map[string]Label            // of messages, by id
	madeOf  map[string]map[uint64]Tally // the tally of a tenant's messages at each rev
	last    Tally
	lost    map[string]bool // messages that the database had lost, by id
}

// maxErrors is how many errors of a user are told.
const maxErrors = 20

func newChecker(h *UserHistory) *checker {
	return &checker{h: h, made: make(map[uint64]Tally), states: make(map[string]byte), revs: make(map[string]uint64), bodies: make(map[string]string), follows: make(map[string]bool), labels: make(map[string]Label), madeOf: make(map[string]map[uint64]Tally)}
}

func (c *checker) wrong(format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, fmt.Errorf(c.h.User+": "+format, args...))
	}
}

// inbox holds the inbox and the counts at the end against the journal.
func (c *checker) inbox() {
	states := map[string]byte{"unseen": unseen, "seen": seen, "read": read}
	bodies := make(map[string]string)
	Listed := make(map[string]bool)
	for _, m := range c.h.Inbox {
		if id, twice := bodies[m.Body]; twice {
			c.wrong("%q is there twice: %s and %s", m.Body, id, m.ID)
		}
		bodies[m.Body] = m.ID
		Listed[m.ID] = true
		if got, want := states[m.State], c.states[m.ID]; got != want {
			c.wrong("%q (%s) is %s in the inbox, and %q by the journal", m.Body, m.ID, m.State, want)
		}
		if body, broadcast := c.bodies[m.ID]; broadcast && body != m.Body {
			c.wrong("%s is %q in the inbox, and %q by the log", m.ID, m.Body, body)
		} else if !broadcast && !slices.Contains(c.h.Bodies, m.Body) {
			c.wrong("%q was never published", m.Body)
		}
	}
	for id := range c.states {
		if !Listed[id] {
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
		gone := c.labels[op.ID] != Label{} && c.revs[op.ID] != 0 && c.states[op.ID] == 0 // the journal says why
		if op.Kind == Publish && op.Answered && !op.Stopped && bodies[c.h.Bodies[op.Message]] != op.ID && !c.lost[op.ID] && !(gone && !op.Label.Stays()) {
			c.wrong("%q was acknowledged as %s at %v; the inbox has %q", c.h.Bodies[op.Message], op.ID, op.Return, bodies[c.h.Bodies[op.Message]])
		}
	}
}

// operations holds each answer against the journal.
func (c *checker) operations() {
	for _, op := range c.h.Ops {
		if op.Answered && !op.Missing && !op.Stopped {
			c.answer(op)
		}
	}
}

// answer holds an answer against the journal.
func (c *checker) answer(op Op) {
	if op.Kind == Publish && c.revs[op.ID] != op.Rev {
		c.wrong("%s was acknowledged with rev %d; the journal has it with rev %d", op.ID, op.Rev, c.revs[op.ID])
	}
	made := c.made
	if op.Kind == Counts && op.Tenant != "" {
		made = c.madeOf[op.Tenant]
	}
	if want, ok := made[op.Tally.Rev]; !ok || want != op.Tally {
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
	at, rev, lineage := 0, uint64(0), uint64(0)
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
		to, ok := c.index(g)
		switch {
		case !ok:
			wrong(g, "%s at %d/%d, which is no moment of the journal and the log", g.Type, g.Seq, g.Pos)
		case g.Type == "counts":
			if met && c.missed(at, to) > 0 {
				wrong(g, "counts at %d/%d skip %d events behind %s", g.Seq, g.Pos, c.missed(at, to), c.place(at))
			}
		case !met:
			wrong(g, "the first event is %s", g.Type)
		default:
			c.event(g, at, to, wrong)
		}
		at, met = max(at, to), true
	}
	if rev != c.last.Rev {
		c.wrong("%s ends with rev %d, by the journal %d", v.Name, rev, c.last.Rev)
	}
	if n := c.missed(at, len(c.changes)); met && n > 0 {
		c.wrong("%s ends at %s and misses %d", v.Name, c.place(at), n)
	}
}

// event judges one event that a client saw, who had seen all up to at.
func (c *checker) event(g Observation, at, to int, wrong func(Observation, string, ...any)) {
	e, ok := c.at(g, to)
	switch {
	case !ok:
		wrong(g, "%s at %d/%d, where the journal and the log have nothing to see", g.Type, g.Seq, g.Pos)
		return
	case to <= at:
		wrong(g, "%s at %d/%d comes again, or late: it had seen all up to %s", g.Type, g.Seq, g.Pos, c.place(at))
		return
	}
	if n := c.missed(at, to-1); n > 0 {
		wrong(g, "%s at %d/%d: a gap of %d events behind %s", g.Type, g.Seq, g.Pos, n, c.place(at))
	}
	if g.Type != e.told && c.superseded(to-1) {
		e = e.remains()
	}
	if g.Type != e.told {
		wrong(g, "%s at %d/%d, in the journal it is %s", g.Type, g.Seq, g.Pos, e.told)
	}
	if a, b := slices.Sorted(slices.Values(g.Replaced)), slices.Sorted(slices.Values(e.replaced)); !slices.Equal(a, b) {
		wrong(g, "%s at %d/%d takes the place of %s, in the journal of %s", g.Type, g.Seq, g.Pos, strings.Join(a, " "), strings.Join(b, " "))
	}
	if a, b := slices.Sorted(slices.Values(g.IDs)), slices.Sorted(slices.Values(e.ids)); !slices.Equal(a, b) {
		wrong(g, "%s at %d/%d is about %s, in the journal about %s", g.Type, g.Seq, g.Pos, strings.Join(a, " "), strings.Join(b, " "))
	}
	if g.Type == "state" && g.State != e.state {
		wrong(g, "state at %d/%d is %s, in the journal %s", g.Seq, g.Pos, g.State, e.state)
	}
	if g.Tally.Rev < e.rev {
		wrong(g, "%s at %d/%d has rev %d and shows counts of rev %d", g.Type, g.Seq, g.Pos, e.rev, g.Tally.Rev)
	}
}

// mustReach tells whether a message must have come to a device that got all up to a rev: it
// is there, or nothing but its reader could end it.
func (c *checker) mustReach(op Op, rev uint64) bool {
	return op.Label.Stays() || c.states[op.ID] != 0 && c.revs[op.ID] <= rev
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
		if op.Kind == Publish && op.Answered && !op.Stopped && op.Call > d.Since && !got[op.ID] && c.mustReach(op, rev) {
			c.wrong("%s has never got %s, acknowledged at %v", d.Name, op.ID, op.Return)
		}
	}
	c.reached(d, got)
}
