package user_test

import (
	"fmt"
	"maps"
	"slices"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/actorstest/people"
)

// A row is a message in a user's inbox, as a server would have it that writes a row a user.
type row struct {
	id                                       actors.ID
	title, category, tenant, collapse, state string

	until   int64 // snoozed or scheduled until, unix milliseconds
	expires int64 // 0: never, or the log says when
	all     bool  // it was broadcast

	acted string // by which action it was answered, and what was replied; "": it was not
}

// String is how a list shows the message.
func (r *row) String() string {
	return fmt.Sprintf("%s %s %s %s %s", r.title, r.category, r.tenant, r.state, r.acted)
}

// A person is a user as the model has it, with the connection that watches the actor.
type person struct {
	name   string
	rows   []*row // in the order in which they became visible, or came
	who    *people.Person
	erased bool // and nothing has come since
	places []place
	probe  *actorstest.Probe
	shown  actorstest.Event // the last event of the connections before it
}

// A place is a cursor, and which messages a client knows that stands there.
type place struct {
	cursor actors.Cursor
	ids    map[actors.ID]bool
}

// totals are what a user is shown of its messages.
type totals struct {
	Unread, Unseen int
	ByCategory     map[string]int `json:"by_category"`
	ByTenant       map[string]int `json:"by_tenant"` // nil: no message that the user sees has one
}

// String describes the counts: equal ones have the same description.
func (c totals) String() string {
	return fmt.Sprintf("%d unread, %d unseen, %v, by tenant (%v) %v", c.Unread, c.Unseen, c.ByCategory, c.ByTenant != nil, c.ByTenant)
}

// counts counts by looking at each message, or at each of a tenant.
func (p *person) counts(tenant string) totals {
	c := totals{ByCategory: map[string]int{}}
	for _, r := range p.rows {
		if r.state == "scheduled" || tenant != "" && r.tenant != tenant {
			continue
		}
		if tenant == "" && r.tenant != "" && c.ByTenant == nil {
			c.ByTenant = map[string]int{}
		}
		if r.state == "unseen" {
			c.Unseen++
		}
		if r.state != "unseen" && r.state != "seen" {
			continue
		}
		c.Unread++
		c.ByCategory[r.category]++
		if tenant == "" && r.tenant != "" {
			c.ByTenant[r.tenant]++
		}
	}
	return c
}

// shows returns what a list shows of all messages, or of those of a tenant.
func (p *person) shows(tenant string) (list []string) {
	for _, r := range slices.Backward(p.rows) {
		if r.state != "scheduled" && (tenant == "" || r.tenant == tenant) {
			list = append(list, r.String())
		}
	}
	return list
}

func (p *person) find(id actors.ID) *row {
	for _, r := range p.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (p *person) remove(gone func(*row) bool) { p.rows = slices.DeleteFunc(p.rows, gone) }

// appear puts a message at the end, in the place of the newest holder of its key.
func (p *person) appear(r *row) {
	p.remove(func(o *row) bool { return o == r })
	if r.collapse != "" {
		for _, o := range slices.Backward(p.rows) {
			if o.collapse == r.collapse && o.tenant == r.tenant && o.state != "archived" && o.state != "scheduled" {
				p.remove(func(n *row) bool { return n == o })
				break
			}
		}
	}
	r.state, r.until = "unseen", 0
	p.rows = append(p.rows, r)
}

// pass lets the time do its work.
func (p *person) pass(now int64) {
	p.remove(func(r *row) bool { return r.expires != 0 && r.expires <= now })
	var due []*row
	for _, r := range p.rows {
		switch {
		case r.until == 0 || r.until > now:
		case r.state == "snoozed":
			r.state, r.until = "unseen", 0
		case r.state == "scheduled":
			due = append(due, r)
		}
	}
	slices.SortStableFunc(due, func(a, b *row) int { return int(a.until - b.until) })
	for _, r := range due {
		if p.who.Wants(r.category, r.tenant) {
			p.appear(r)
		} else {
			p.remove(func(o *row) bool { return o == r })
		}
	}
}

// mark is what each marking does to a message; named tells that it was asked for by its id.
func (r *row) mark(to actors.Marking, until int64, named bool) {
	asleep := r.state == "snoozed" && !named
	switch {
	case r.state == "scheduled" || asleep && to != actors.MarkSnoozed:
	case to == actors.MarkSeen && r.state == "unseen", to == actors.MarkUnread && (r.state == "read" || r.state == "archived" && named):
		r.state = "seen"
	case to == actors.MarkRead && r.state != "archived":
		r.state, r.until = "read", 0
	case to == actors.MarkArchived:
		r.state, r.until = "archived", 0
	case to == actors.MarkSnoozed && r.state != "archived":
		r.state, r.until = "snoozed", until
	}
}

// forget is what erasing a user comes to.
func (p *person) forget() {
	p.rows, p.places, p.who, p.erased = nil, nil, people.New(), true
}

// stand notes where a client stands who has seen all.
func (p *person) stand(c actors.Cursor) {
	ids := map[actors.ID]bool{}
	for _, r := range p.rows {
		ids[r.id] = r.state != "scheduled"
	}
	p.places = append(p.places[max(0, len(p.places)-10):], place{c, ids})
}

// A cast is a broadcast, as the model has it.
type cast struct {
	row
	to     people.Audience
	sendAt int64  // 0: it is visible
	shown  int64  // when it became so
	as     string // its category then
}

// ripe returns the broadcasts that time changes, in the order in which it does.
func ripe(casts []*cast, now int64) (list []*cast) {
	at := func(c *cast) int64 {
		if c.sendAt != 0 && (c.expires == 0 || c.sendAt < c.expires) {
			return c.sendAt
		}
		return c.expires
	}
	for _, c := range casts {
		if t := at(c); t != 0 && t <= now {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *cast) int { return int(at(a) - at(b)) })
	return list
}

// names are the people's for whom has holds, in their order.
func names(people map[string]*person, has func(*person) bool) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(people)) {
		if has(people[name]) {
			list = append(list, name)
		}
	}
	return list
}
