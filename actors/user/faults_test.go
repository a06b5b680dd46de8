package user_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// What goes wrong in the random trial, and how users' actors are compared with the model.

// fault lets something go wrong now and then. What it does to a command is seen when that is
// given.
func (x *trial) fault() {
	name := ""
	switch p := x.someone(); x.rng.IntN(36) {
	case 0, 1:
		name = "passivate " + p.name
		x.node.Send(userKey(p.name), &actors.Passivate{})
	case 2, 3:
		name = "doze " + p.name
		x.node.Send(userKey(p.name), &actors.Doze{})
	case 4, 5:
		name = "doze all"
		for _, p := range x.everybody() {
			x.node.Send(userKey(p.name), &actors.Doze{})
		}
	case 6:
		name = "doubt"
		x.j.Fail(errors.New("the disk is gone"))
	case 7:
		name = "panic " + p.name
		x.j.Panic(p.name)
	case 8:
		name = "busy"
		x.j.Refuse(actorstest.ErrBusy)
	case 9:
		name = "crash"
		x.node.Stop()
		x.begin(actorstest.NewNode(x.t, x.j, x.clock, actors.Limits{}))
	case 10:
		name = "another node, which knows little of the log"
		x.takeOver()
	case 11, 12:
		name = "attach " + p.name
		x.attach(p)
	case 13:
		name = "passivate the log"
		x.node.Send(logKey, &actors.Passivate{})
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
	for _, p := range x.everybody() { // some are behind what they have merged
		if x.rng.IntN(2) == 0 {
			next.Send(userKey(p.name), &actors.Recover{Key: userKey(p.name)})
		}
	}
	next.Logs.Refresh(x.t.Context()) // as when a node can be reached again
	x.begin(next)
}

func (x *trial) begin(n *actorstest.Node) {
	x.node = n
	for _, p := range x.everybody() {
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

// last is the last event that the user's connections were sent. One that resumes where
// nothing was missed is sent none.
func (p *person) last() actorstest.Event {
	if p.probe != nil {
		if e := p.probe.Last(); e.Type != "" {
			p.shown = e
		}
	}
	return p.shown
}

// compare holds each user's inbox, counts and connection against the model.
func (x *trial) compare() {
	x.t.Helper()
	for _, p := range x.everybody() {
		x.compareShown(p) // by one who may doze: the questions below wake it
		x.compareList(p, "")
		a := x.compareCounts(p, "")
		tenant := []string{"acme", "globex"}[x.rng.IntN(2)]
		x.compareList(p, tenant)
		x.compareCounts(p, tenant)
		x.compareProfile(p)
		p.stand(a.Cursor)
		x.until(p, fmt.Sprint("rev ", a.Rev), func() bool { return p.last().Rev == a.Rev })
	}
}

// compareShown waits until the user's connection is shown what the model counts.
func (x *trial) compareShown(p *person) {
	x.t.Helper()
	want := p.counts("").String()
	x.until(p, want, func() bool { return counted(p.last().Counts) == want })
}

// until waits until ok says that the user's connection was sent what it has to be shown.
func (x *trial) until(p *person, what string, ok func() bool) {
	x.t.Helper()
	for late := time.Now().Add(actorstest.Patience); p.probe != nil && !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			x.t.Fatalf("%s is shown %v: %s, want %s", p.name, p.last(), counted(p.last().Counts), what)
		}
		if _, over := p.probe.Ended(); over { // it was told to come back
			x.attach(p)
		}
	}
}

// counted reads counts.
func counted(raw string) string {
	var c totals
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		return fmt.Sprintf("%q: %v", raw, err)
	}
	return c.String()
}

func (x *trial) compareCounts(p *person, tenant string) actors.Answer {
	x.t.Helper()
	a := x.must(userKey(p.name), &actors.Counts{Tenant: tenant})
	if got, want := counted(string(a.Counts)), p.counts(tenant).String(); got != want {
		x.t.Fatalf("%s counts of tenant %q %s, want %s", p.name, tenant, got, want)
	}
	return a
}

func (x *trial) compareList(p *person, tenant string) {
	x.t.Helper()
	var got []string
	for next := ""; ; {
		var page struct {
			Messages []struct {
				Title, Category, Tenant, State string
				Acted                          struct{ Action, Reply string }
			}
			Next string
		}
		a := x.must(userKey(p.name), &actors.List{State: "all", Tenant: tenant, Limit: 1 + x.rng.IntN(200), Next: next})
		if err := json.Unmarshal(a.Body, &page); err != nil {
			x.t.Fatal(err)
		}
		for _, m := range page.Messages {
			got = append(got, (&row{title: m.Title, category: m.Category, tenant: m.Tenant, state: m.State, acted: m.Acted.Action + m.Acted.Reply}).String())
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if want := p.shows(tenant); !slices.Equal(got, want) {
		x.t.Fatalf("%s has of tenant %q\n%q, want\n%q", p.name, tenant, got, want)
	}
}

// compareProfile holds what is known of the user against the model. By the rest of it
// messages find the user, or not.
func (x *trial) compareProfile(p *person) {
	x.t.Helper()
	var known struct {
		Tags, Follows, Lists []string
	}
	for _, part := range []actors.ProfilePart{actors.PartProfile, actors.PartFollows, actors.PartLists} {
		if err := json.Unmarshal(x.must(userKey(p.name), &actors.ReadProfile{Part: part, Limit: 100}).Body, &known); err != nil {
			x.t.Fatal(err)
		}
	}
	if got, want := fmt.Sprintf("%q", known), fmt.Sprintf("{%q %q %q}", p.who.Tags(), p.who.Follows.Names(), p.who.Lists.Names()); got != want {
		x.t.Fatalf("of %s is known %s, want %s", p.name, got, want)
	}
}
