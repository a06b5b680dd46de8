package user_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/actorstest/people"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of TestModel; 0: a fresh one, which is printed")
	modelSteps = flag.Int("model.steps", 1500, "random commands of TestModel")
)

// trialSteps is how long a trial is: inboxes grow, and so what a step costs.
const trialSteps = 500

// keptLines is how much a failure tells of what was done before it.
const keptLines = 200

// trial is one random run: what actors are told, in spite of crashes, doubt and dozing,
// and what a naive server would have of it.
type trial struct {
	t      *testing.T
	rng    *rand.Rand
	j      *actorstest.Journal
	clock  *actorstest.Clock
	node   *actorstest.Node
	people map[string]*person
	casts  []*cast // that are not over
	keys   int
	lines  []string // the last steps

	planned map[int64]bool // times for which something was planned
	faults  map[string]int

	previewed, sent int // previews, and whom they found
}

// TestModel lets random commands and faults work on users' actors, and compares them with
// a naive model that writes a row a user. Whom a preview finds is whom a message is sent to.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-model.seed)", seed)
	steps := *modelSteps
	if testing.Short() {
		steps = min(steps, 300)
	}
	previewed, sent := 0, 0
	for rng := rand.New(rand.NewPCG(seed, 0)); steps > 0; steps -= trialSteps {
		x := &trial{t: t, rng: rng, j: actorstest.NewJournal(), clock: actorstest.NewClock(), people: map[string]*person{}, faults: map[string]int{}, planned: map[int64]bool{}}
		x.node = actorstest.NewNode(t, x.j, x.clock, actors.Limits{})
		for _, name := range []string{"alice", "bob", "carol", "dave"} {
			x.people[name] = &person{name: name, who: people.New()}
		}
		x.run(min(steps, trialSteps))
		previewed, sent = previewed+x.previewed, sent+x.sent
	}
	if t.Logf("%d previews found %d users", previewed, sent); sent == 0 || sent == 4*previewed {
		t.Error("the previews show nothing")
	}
}

func (x *trial) run(steps int) {
	defer func() {
		for _, p := range x.people {
			x.leave(p)
		}
		x.node.Stop()
		x.j.Close()
		if x.t.Failed() {
			x.t.Logf("the last steps:\n%s", strings.Join(x.lines, "\n"))
		}
	}()
	for _, p := range x.everybody() { // who is not known has missed nothing
		x.publish(p)
	}
	for i := range steps {
		x.pass(1 + x.rng.Int64N(500))
		if x.rng.IntN(40) == 0 {
			x.pass(x.rng.Int64N(time.Hour.Milliseconds()))
		}
		x.note("step %d at %d", i, x.clock.Now())
		x.fault()
		x.step()
		if x.rng.IntN(8) == 0 {
			x.compare()
		}
	}
	x.compare()
	x.t.Logf("%d steps, %d broadcasts are left; faults %v", steps, len(x.casts), x.faults)
}

func (x *trial) note(format string, args ...any) {
	if len(x.lines) == keptLines {
		x.lines = x.lines[1:]
	}
	x.lines = append(x.lines, fmt.Sprintf(format, args...))
}

// everybody returns the people in an order that the seed settles.
func (x *trial) everybody() (list []*person) {
	for _, name := range slices.Sorted(maps.Keys(x.people)) {
		list = append(list, x.people[name])
	}
	return list
}

func (x *trial) someone() *person {
	list := x.everybody()
	return list[x.rng.IntN(len(list))]
}

func (x *trial) step() {
	p := x.someone()
	switch n := x.rng.IntN(26); {
	case n < 4 || p.erased && x.rng.IntN(2) == 0:
		x.publish(p)
	case n < 9:
		x.broadcast()
	case n < 11:
		x.change()
	case n < 16:
		if x.rng.IntN(5) == 0 {
			x.act(p)
			return
		}
		x.mark(p)
	case n < 18:
		x.changeOwn(p)
	case n < 25:
		x.describe(p)
	case x.rng.IntN(5) == 0:
		x.must(userKey(p.name), &actors.Erase{})
		p.forget()
	case len(x.people) < 9: // one who is new has missed what was broadcast before, but for what waits
		x.meet()
	}
}

func userKey(name string) actors.Key { return actors.UserKey(actors.DefaultApp, name) }

var logKey = actors.LogKey(actors.DefaultApp)

// soon returns a time in the next two hours that nothing else is planned for.
func (x *trial) soon() int64 {
	for {
		at := x.clock.Now() + 1 + x.rng.Int64N(2*time.Hour.Milliseconds())
		if !x.planned[at] {
			x.planned[at] = true
			return at
		}
	}
}

// message makes a message at random, and its row.
func (x *trial) message(title string) (*actors.Message, row) {
	x.keys++
	id, now := actors.NewID(), x.clock.Now()
	r := row{id: id, title: fmt.Sprint(title, " ", x.keys), category: string(rune('a' + x.rng.IntN(3))), state: "unseen"}
	if x.rng.IntN(3) == 0 {
		r.tenant = []string{"acme", "globex"}[x.rng.IntN(2)]
	}
	if x.rng.IntN(4) == 0 {
		r.collapse = string(rune('k' + x.rng.IntN(2)))
	}
	if x.rng.IntN(5) == 0 {
		r.expires = x.soon()
	}
	return &actors.Message{Id: id[:], Category: r.category, Tenant: r.tenant, CollapseKey: r.collapse, ExpiresAt: r.expires, CreatedAt: now,
		Content: fmt.Appendf(nil, `"title":%q,"actions":[{"id":"yes","label":"Yes"},{"id":"say","label":"Say","reply":true}]`, r.title)}, r
}

func (x *trial) publish(p *person) {
	m, r := x.message("own")
	if x.rng.IntN(5) == 0 {
		r.until = x.soon()
		m.SendAt = r.until
	}
	x.must(userKey(p.name), &actors.Publish{Message: m})
	switch {
	case r.until != 0:
		r.state = "scheduled"
		p.rows = append(p.rows, &r)
	case p.who.Wants(r.category, r.tenant):
		p.appear(&r)
	}
	x.join(p)
}

// broadcast sends a message to an audience. Those who get it are those whom a preview
// has found just before.
func (x *trial) broadcast() {
	m, r := x.message("all")
	r.all = true
	c := &cast{row: r, to: people.RandomAudience(x.rng)}
	if x.rng.IntN(3) == 0 {
		c.to.Audience = forNewcomers(c.to.Audience)
	}
	if x.rng.IntN(5) == 0 {
		c.sendAt = x.soon()
		m.SendAt = c.sendAt
	}
	x.casts = append(x.casts, c)
	found := x.preview(c)
	x.must(logKey, &actors.Broadcast{Message: m, Audience: c.to.Audience})
	if c.sendAt != 0 {
		return
	}
	x.show(c)
	if x.rng.IntN(3) == 0 {
		got := names(x.people, func(p *person) bool { return x.has(p, c.id) })
		found = slices.DeleteFunc(found, func(name string) bool { return !x.people[name].who.Wants(c.category, c.tenant) })
		if !slices.Equal(got, found) {
			x.t.Fatalf("a preview of %s finds %v, and the message was sent to %v", c.to.Where(), found, got)
		}
	}
}

// preview compares whom the index finds with a look at everybody.
func (x *trial) preview(c *cast) []string {
	x.t.Helper()
	now := x.clock.Now()
	want := names(x.people, func(p *person) bool { return !p.erased && c.to.Has(p.who, now) })
	got, n := x.j.Preview(x.t, c.to.Where(), now, len(x.people)+1)
	slices.Sort(got)
	if !slices.Equal(got, want) || n != len(want) {
		x.t.Fatalf("%s finds %v, and counts %d, want %v", c.to.Where(), got, n, want)
	}
	few, _ := x.j.Preview(x.t, c.to.Where(), now, 1)
	if len(few) != min(1, len(want)) || len(few) > 0 && !slices.Contains(want, few[0]) {
		x.t.Fatalf("the first of %v is %v", want, few)
	}
	x.previewed, x.sent = x.previewed+1, x.sent+len(want)
	return want
}

// show writes the rows of a broadcast that becomes visible.
func (x *trial) show(c *cast) {
	now := x.clock.Now()
	c.shown, c.as = now, c.category
	x.casts = append(slices.DeleteFunc(x.casts, func(o *cast) bool { return o == c }), c) // in the order in which they appear
	for _, p := range x.people {
		if !p.erased && c.to.Has(p.who, now) && p.who.Wants(c.category, c.tenant) {
			r := c.row
			r.expires = 0 // the log says when
			p.appear(&r)
		}
	}
}

// has tells whether the user has a message.
func (x *trial) has(p *person, id actors.ID) bool {
	x.t.Helper()
	_, err := x.ask(userKey(p.name), &actors.Find{ID: id})
	if err != nil && err.Code != actors.NotFound {
		x.t.Fatalf("%s: find %s: %v", p.name, id, err)
	}
	return err == nil
}

// change edits a broadcast, or takes it back.
func (x *trial) change() {
	if len(x.casts) == 0 {
		return
	}
	c := x.casts[x.rng.IntN(len(x.casts))]
	if x.rng.IntN(2) == 0 {
		x.edit(logKey, &c.row)
		for _, p := range x.people {
			if r := p.find(c.id); r != nil {
				r.title, r.category = c.title, c.category
			}
		}
		return
	}
	x.must(logKey, &actors.Retract{ID: c.id})
	x.end(c)
}

// end takes a broadcast from all who have it.
func (x *trial) end(c *cast) {
	x.casts = slices.DeleteFunc(x.casts, func(o *cast) bool { return o == c })
	for _, p := range x.people {
		p.remove(func(r *row) bool { return r.id == c.id })
	}
}

func (x *trial) edit(key actors.Key, r *row) {
	x.keys++
	r.title, r.category = fmt.Sprint("edited ", x.keys), string(rune('a'+x.rng.IntN(3)))
	x.must(key, &actors.Edit{ID: r.id, Patch: fmt.Appendf(nil, `{"title":%q,"category":%q}`, r.title, r.category)})
}

// changeOwn edits a message that came to the user alone, or takes it back.
func (x *trial) changeOwn(p *person) {
	r := x.recent(p)
	switch {
	case r == nil || r.all:
	case x.rng.IntN(2) == 0:
		x.edit(userKey(p.name), r)
	default:
		x.must(userKey(p.name), &actors.Retract{ID: r.id})
		p.remove(func(o *row) bool { return o == r })
	}
}

// recent returns one of the newest messages; nil: there is none.
func (x *trial) recent(p *person) *row {
	if len(p.rows) == 0 {
		return nil
	}
	return p.rows[max(0, len(p.rows)-1-x.rng.IntN(30))]
}

func (x *trial) mark(p *person) {
	m := &actors.Mark{To: actors.Marking(1 + x.rng.IntN(5))}
	if m.To == actors.MarkSnoozed {
		m.Until = x.soon()
	}
	if x.rng.IntN(3) == 0 {
		m.Category = string(rune('a' + x.rng.IntN(3)))
	}
	if x.rng.IntN(3) == 0 {
		m.Tenant = []string{"acme", "globex"}[x.rng.IntN(2)]
	}
	rows, named := p.rows, x.rng.IntN(4) > 0
	switch {
	case named:
		r := x.recent(p)
		if r == nil {
			return
		}
		m.IDs, rows = []actors.ID{r.id}, []*row{r}
	case len(p.places) > 0 && x.rng.IntN(2) == 0:
		at := p.places[x.rng.IntN(len(p.places))]
		m.UpTo = &at.cursor
		rows = slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return !at.ids[r.id] })
	}
	x.must(userKey(p.name), m)
	for _, r := range rows {
		if (m.Category == "" || r.category == m.Category) && (m.Tenant == "" || r.tenant == m.Tenant) {
			r.mark(m.To, m.Until, named)
		}
	}
}

// act answers a message, which nobody may who comes later.
func (x *trial) act(p *person) {
	r := x.recent(p)
	if r == nil || r.state == "scheduled" {
		return
	}
	c := &actors.Act{ID: r.id, Action: "yes"}
	if x.rng.IntN(2) == 0 {
		c = &actors.Act{ID: r.id, Action: "say", Reply: fmt.Sprint("well", x.keys)}
	}
	x.note("%s: %+v", p.name, *c)
	_, err := x.ask(userKey(p.name), c)
	if r.acted != "" {
		if err == nil || err.Code != actors.Conflict {
			x.t.Fatalf("%s has answered by %s, and answers again: %v", p.name, r.acted, err)
		}
		return
	}
	if err != nil {
		x.t.Fatalf("%s answers: %v", p.name, err)
	}
	r.mark(actors.MarkRead, 0, true)
	r.acted = c.Action + c.Reply
}

// describe changes what is known of a user.
func (x *trial) describe(p *person) {
	before := p.who.String()
	var c actors.Command
	switch n := x.rng.IntN(12); {
	case n < 3:
		c = p.who.Follow(x.rng)
	case n < 6:
		c = p.who.Join(x.rng)
	case n < 9:
		c = p.who.Describe(x.rng, x.clock.Now())
	case n < 10:
		c = p.who.Prefer(x.rng)
	default:
		c = p.who.Import(x.rng, x.clock.Now())
	}
	if x.must(userKey(p.name), c); p.who.String() != before {
		x.join(p)
	}
}

// pass lets so many milliseconds go by, and what is planned happen one after the other: an
// actor that is busy might be told of one of two first, or of the other.
func (x *trial) pass(ms int64) {
	x.t.Helper()
	for end := x.clock.Now() + ms; ; {
		next := end
		for at := range x.planned {
			if at > x.clock.Now() {
				next = min(next, at)
			} else {
				delete(x.planned, at)
			}
		}
		x.clock.Advance(time.Duration(next-x.clock.Now()) * time.Millisecond)
		x.settle()
		if next == end {
			return
		}
	}
}

// settle lets the time do its work: in the log, and then at each user.
func (x *trial) settle() {
	x.t.Helper()
	now := x.clock.Now()
	x.fire(func(key actors.Key) bool { return key == logKey })
	for list := ripe(x.casts, now); len(list) > 0; list = ripe(x.casts, now) {
		switch c := list[0]; {
		case c.expires != 0 && c.expires <= now:
			x.end(c)
		default:
			x.preview(c)
			c.sendAt = 0
			x.show(c)
		}
	}
	x.node.Logs.Refresh(x.t.Context())
	x.fire(func(key actors.Key) bool { return key.Kind() == actors.KindUser })
	for _, p := range x.people {
		p.pass(now)
	}
}

// fire tells actors their time until nothing of theirs is due.
func (x *trial) fire(whose func(actors.Key) bool) {
	x.t.Helper()
	due := func() (list []actors.Key) {
		_ = x.j.Due(x.t.Context(), x.clock.Now(), func(key actors.Key, _ int64) bool { // it never fails
			if whose(key) {
				list = append(list, key)
			}
			return true
		})
		return list
	}
	for late := time.Now().Add(actorstest.Patience); len(due()) > 0; {
		if time.Now().After(late) {
			x.t.Fatalf("%q are due for ever", due())
		}
		x.node.FireAt(whose)
		for next := time.Now().Add(50 * time.Millisecond); len(due()) > 0 && time.Now().Before(next); {
			time.Sleep(100 * time.Microsecond)
		}
		x.j.Refuse(nil)
	}
}

// ask gives a command until it is answered, always under the same key. The error is none that
// another try would mend.
func (x *trial) ask(key actors.Key, c actors.Command) (actors.Answer, *actors.Error) {
	x.t.Helper()
	x.keys++
	once := actors.CallersOnce("c", fmt.Sprint(x.keys))
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
		r := actors.NewRequest(key, c)
		r.Once = once
		err := x.node.Ask(ctx, r)
		cancel()
		if err == nil {
			return r.Answer, nil
		}
		x.j.Refuse(nil)
		var e *actors.Error
		if !errors.As(err, &e) {
			x.t.Fatalf("%s: %T: %v", key, c, err)
		}
		if e.Code != actors.Busy && e.Code != actors.Unavailable && e.Code != actors.Internal {
			return r.Answer, e
		}
		x.note("  %v", err)
	}
	x.t.Fatalf("%s: %T is never answered", key, c)
	return actors.Answer{}, nil
}

// must is ask, and fails where the answer is an error.
func (x *trial) must(key actors.Key, c actors.Command) actors.Answer {
	x.t.Helper()
	x.note("%s: %T %+v", key, c, c)
	a, err := x.ask(key, c)
	if err != nil {
		x.t.Fatalf("%s: %T: %v", key, c, err)
	}
	return a
}
