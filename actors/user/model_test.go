package user_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of TestModel; 0: a fresh one, which is printed")
	modelSteps = flag.Int("model.steps", 1500, "random commands of TestModel")
)

// row is a message in a user's inbox, as a server would have it that writes a row a user.
type row struct {
	id    actors.ID
	title string
	state string
}

// person is a user as the model has it, with the connection that watches the actor.
type person struct {
	name    string
	rows    []*row // oldest first
	follows map[string]bool
	tag     string
	probe   *actorstest.Probe
	shown   actorstest.Event // the last event of the connections before it
}

// last is the last event that its connections were sent. One that resumes where nothing was
// missed is sent none.
func (p *person) last() actorstest.Event {
	if p.probe != nil {
		if e := p.probe.Last(); e.Type != "" {
			p.shown = e
		}
	}
	return p.shown
}

func (p *person) find(id actors.ID) *row {
	for _, r := range p.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

// trial is one random run: what actors are told, in spite of crashes, doubt and dozing,
// and what a naive server would have of it.
type trial struct {
	t      *testing.T
	rng    *rand.Rand
	j      *actorstest.Journal
	clock  *actorstest.Clock
	node   *actorstest.Node
	people []*person
	casts  []actors.ID          // broadcasts that are not over
	topics map[actors.ID]string // theirs; "": to all
	keys   int
	lines  []string // the last steps
	faults map[string]int
}

// TestModel lets random commands and faults work on users' actors, and compares them with
// a naive model that writes a row a user.
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
	for rng := rand.New(rand.NewPCG(seed, 0)); steps > 0; steps -= 1500 {
		x := &trial{t: t, rng: rng, j: actorstest.NewJournal(), clock: actorstest.NewClock(), topics: map[actors.ID]string{}, faults: map[string]int{}}
		x.node = actorstest.NewNode(t, x.j, x.clock, actors.Limits{})
		for _, name := range []string{"alice", "bob", "carol"} {
			x.people = append(x.people, &person{name: name, follows: map[string]bool{}})
		}
		x.run(min(steps, 1500))
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
	for _, p := range x.people { // who is not known has missed nothing
		x.publish(p)
	}
	for range steps {
		x.clock.Advance(time.Duration(x.rng.IntN(500)) * time.Millisecond)
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
	if len(x.lines) == 50 {
		x.lines = x.lines[1:]
	}
	x.lines = append(x.lines, fmt.Sprintf(format, args...))
}

func (x *trial) someone() *person { return x.people[x.rng.IntN(len(x.people))] }

var topics = []string{"news", "sport"}

func (x *trial) step() {
	p := x.someone()
	switch n := x.rng.IntN(20); {
	case n < 4:
		x.publish(p)
	case n < 8:
		x.broadcast()
	case n < 10:
		x.change()
	case n < 15:
		x.mark(p)
	case n < 18:
		topic := topics[x.rng.IntN(len(topics))]
		p.follows[topic] = !p.follows[topic]
		x.must(userKey(p.name), &actors.Follow{Topic: topic, Stop: !p.follows[topic]})
	case n < 19:
		p.tag = fmt.Sprint("t", x.rng.IntN(3))
		x.must(userKey(p.name), &actors.SetProfile{Profile: &actors.Profile{Tags: []string{p.tag}}, Replace: true})
	default:
		x.must(userKey(p.name), &actors.SetPreferences{Preferences: &actors.Preferences{MutedUntil: int64(x.rng.IntN(3))}})
	}
}

func userKey(name string) actors.Key { return actors.UserKey(actors.DefaultApp, name) }

func (x *trial) message(title string) *actors.Message {
	id := actors.NewID()
	return &actors.Message{Id: id[:], Category: "a", CreatedAt: x.clock.Now(), Content: fmt.Appendf(nil, `"title":%q`, title)}
}

func (x *trial) publish(p *person) {
	m := x.message(fmt.Sprint("own ", x.keys))
	x.must(userKey(p.name), &actors.Publish{Message: m})
	p.rows = append(p.rows, &row{actors.ID(m.Id), fmt.Sprint("own ", x.keys-1), "unseen"})
}

func (x *trial) broadcast() {
	title := fmt.Sprint("all ", x.keys)
	m, to, topic := x.message(title), &actors.Audience{All: true}, ""
	if x.rng.IntN(2) == 0 {
		topic = topics[x.rng.IntN(len(topics))]
		to = &actors.Audience{Topic: topic}
	}
	id := actors.ID(m.Id)
	x.must(actors.LogKey(actors.DefaultApp), &actors.Broadcast{Message: m, Audience: to})
	x.casts, x.topics[id] = append(x.casts, id), topic
	for _, p := range x.people {
		if topic == "" || p.follows[topic] {
			p.rows = append(p.rows, &row{id, title, "unseen"})
		}
	}
}

// change edits a broadcast, or takes it back.
func (x *trial) change() {
	if len(x.casts) == 0 {
		return
	}
	i := x.rng.IntN(len(x.casts))
	id := x.casts[i]
	if x.rng.IntN(2) == 0 {
		title := fmt.Sprint("edited ", x.keys)
		x.must(actors.LogKey(actors.DefaultApp), &actors.Edit{ID: id, Patch: fmt.Appendf(nil, `{"title":%q}`, title)})
		for _, p := range x.people {
			if r := p.find(id); r != nil {
				r.title = title
			}
		}
		return
	}
	x.must(actors.LogKey(actors.DefaultApp), &actors.Retract{ID: id})
	x.casts = slices.Delete(x.casts, i, i+1)
	for _, p := range x.people {
		p.rows = slices.DeleteFunc(p.rows, func(r *row) bool { return r.id == id })
	}
}

func (x *trial) mark(p *person) {
	m := &actors.Mark{To: []actors.Marking{actors.MarkSeen, actors.MarkRead, actors.MarkUnread, actors.MarkArchived}[x.rng.IntN(4)]}
	rows := p.rows
	if named := x.rng.IntN(4) > 0; named {
		if len(p.rows) == 0 {
			return
		}
		r := p.rows[max(0, len(p.rows)-1-x.rng.IntN(30))]
		m.IDs, rows = []actors.ID{r.id}, []*row{r}
	}
	x.must(userKey(p.name), m)
	for _, r := range rows {
		switch {
		case m.To == actors.MarkSeen && r.state == "unseen", m.To == actors.MarkUnread && (r.state == "read" || r.state == "archived" && len(m.IDs) > 0):
			r.state = "seen"
		case m.To == actors.MarkRead && r.state != "archived":
			r.state = "read"
		case m.To == actors.MarkArchived:
			r.state = "archived"
		}
	}
}

// fault lets something go wrong now and then. What it does to a command is seen when that is
// given.
func (x *trial) fault() {
	name := ""
	switch p := x.someone(); x.rng.IntN(40) {
	case 0, 1:
		name = "passivate " + p.name
		x.node.Send(userKey(p.name), &actors.Passivate{})
	case 2, 3:
		name = "doze " + p.name
		x.node.Send(userKey(p.name), &actors.Doze{})
	case 4:
		name = "doubt"
		x.j.Fail(errors.New("the disk is gone"))
	case 5:
		name = "panic " + p.name
		x.j.Panic(p.name)
	case 6:
		name = "busy"
		x.j.Refuse(actors.ErrBusyStore)
	case 7:
		name = "crash"
		x.node.Stop()
		x.begin(actorstest.NewNode(x.t, x.j, x.clock, actors.Limits{}))
	case 8:
		name = "another node, which knows little of the log"
		x.takeOver()
	case 9:
		name = "attach " + p.name
		x.attach(p)
	case 10:
		name = "time"
		x.node.Fire()
	case 11:
		name = "passivate the log"
		x.node.Send(actors.LogKey(actors.DefaultApp), &actors.Passivate{})
	}
	if name != "" {
		x.note("%s", name)
		x.faults[strings.Fields(name)[0]]++
	}
}

// takeOver goes on with a node that knows the log as it was a while ago.
func (x *trial) takeOver() {
	next := actorstest.NewNode(x.t, x.j, x.clock, actors.Limits{})
	r := actors.NewRequest(userKey(fmt.Sprint("stranger", x.keys)), &actors.Counts{})
	if err := next.Ask(x.t.Context(), r); err != nil {
		x.t.Fatal(err)
	}
	for range 1 + x.rng.IntN(8) {
		x.step()
	}
	x.node.Stop()
	for _, p := range x.people { // some are behind what they have merged
		if x.rng.IntN(2) == 0 {
			next.Send(userKey(p.name), &actors.Recover{Key: userKey(p.name)})
		}
	}
	next.Logs.Refresh(x.t.Context()) // as when a node can be reached again
	x.begin(next)
}

func (x *trial) begin(n *actorstest.Node) {
	x.node = n
	for _, p := range x.people {
		if p.probe != nil && x.rng.IntN(3) > 0 {
			x.attach(p)
		} else {
			x.leave(p)
		}
	}
}

func (x *trial) leave(p *person) {
	if p.probe != nil {
		p.probe.Close()
	}
	p.probe = nil
}

// attach attaches a connection in place of the one before it, from where that stood.
func (x *trial) attach(p *person) {
	var with []func(*actors.Attachment)
	if last := p.last(); last.Type != "" {
		with = append(with, actorstest.After(last.Cursor))
	}
	x.leave(p)
	p.probe = actorstest.New(p.name, with...)
	p.probe.Attach(x.node)
}

// must gives a command until it is answered, always under the same key.
func (x *trial) must(key actors.Key, c actors.Command) actors.Answer {
	x.t.Helper()
	x.note("%s: %T %+v", key, c, c)
	x.keys++
	once := actors.CallersOnce("c", fmt.Sprint(x.keys))
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
		r := actors.NewRequest(key, c)
		r.Once = once
		err := x.node.Ask(ctx, r)
		cancel()
		if err == nil {
			return r.Answer
		}
		x.j.Refuse(nil)
		var e *actors.Error
		if !errors.As(err, &e) || e.Code != actors.Busy && e.Code != actors.Unavailable && e.Code != actors.Internal {
			x.t.Fatalf("%s: %T: %v", key, c, err)
		}
		x.note("  %v", err)
	}
	x.t.Fatalf("%s: %T is never answered", key, c)
	return actors.Answer{}
}

// compare holds each user's inbox, counts and connection against the model.
func (x *trial) compare() {
	x.t.Helper()
	for _, p := range x.people {
		var got, want []string
		unread, unseen := 0, 0
		for _, r := range slices.Backward(p.rows) {
			want = append(want, r.title+" "+r.state)
			switch r.state {
			case "unseen":
				unseen, unread = unseen+1, unread+1
			case "seen":
				unread++
			}
		}
		next := ""
		for {
			var page struct {
				Messages []struct{ Title, State string }
				Next     string
			}
			if err := json.Unmarshal(x.must(userKey(p.name), &actors.List{State: "all", Limit: 200, Next: next}).Body, &page); err != nil {
				x.t.Fatal(err)
			}
			for _, m := range page.Messages {
				got = append(got, m.Title+" "+m.State)
			}
			if next = page.Next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			x.t.Fatalf("%s has\n%q, want\n%q", p.name, got, want)
		}
		a := x.must(userKey(p.name), &actors.Counts{})
		var counts struct {
			Unread, Unseen int
			Rev            uint64
		}
		if err := json.Unmarshal(a.Counts, &counts); err != nil {
			x.t.Fatal(err)
		}
		if counts.Unread != unread || counts.Unseen != unseen {
			x.t.Fatalf("%s counts %+v, want %d unread, %d unseen", p.name, counts, unread, unseen)
		}
		if p.probe != nil {
			for late := time.Now().Add(actorstest.Patience); p.last().Rev < counts.Rev && time.Now().Before(late); {
				if _, over := p.probe.Ended(); over { // it was told to come back
					x.attach(p)
				}
				time.Sleep(time.Millisecond)
			}
			if e := p.last(); e.Unread != unread || e.Unseen != unseen || e.Rev != counts.Rev {
				x.t.Fatalf("%s is shown %v, want %d unread at rev %d", p.name, e, unread, counts.Rev)
			}
		}
	}
}
