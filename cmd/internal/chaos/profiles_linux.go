package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/chaos/judge"
)

// What callers let servers know of users: profiles, preferences, lists, segments.

// label says something of a message.
func (c *caller) label(category string) judge.Label {
	l := judge.Label{Category: fmt.Sprint(category, c.number%3), Tenant: c.someTenant()}
	if c.world.cfg.Mode == Lost {
		return l
	}
	if c.rng.IntN(6) == 0 {
		l.Collapse = fmt.Sprint("k", c.rng.IntN(3))
	}
	if c.rng.IntN(8) == 0 {
		l.Expires = time.Now().Add(time.Duration(500+c.rng.IntN(7000)) * time.Millisecond).UnixMilli()
	}
	return l
}

// someTenant returns one of the tenants, or mostly none.
func (c *caller) someTenant() string {
	if n := c.rng.IntN(2 * len(judge.Tenants)); n < len(judge.Tenants) {
		return judge.Tenants[n]
	}
	return ""
}

// members writes a label as members of a message.
func members(l judge.Label) string {
	text := fmt.Sprintf(`,"category":%q`, l.Category)
	if l.Tenant != "" {
		text += fmt.Sprintf(`,"tenant":%q`, l.Tenant)
	}
	if l.Collapse != "" {
		text += fmt.Sprintf(`,"collapse_key":%q`, l.Collapse)
	}
	if l.Expires != 0 {
		text += fmt.Sprintf(`,"expires_at":%q`, time.UnixMilli(l.Expires).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return text
}

// labelOf returns what a stored message says of itself.
func labelOf(m *actors.Message) judge.Label {
	return judge.Label{Category: m.GetCategory(), Tenant: m.GetTenant(), Collapse: m.GetCollapseKey(), Expires: m.GetExpiresAt()}
}

// profileBody returns a profile that says what knownBy makes of a value.
func profileBody(value string) string {
	k, tags := judge.KnownBy(value), `"chaos"`
	if k.VIP {
		tags += `,"vip"`
	}
	return fmt.Sprintf(`{"tags":[%s],"attributes":{"n":%q,"city":%q}}`, tags, value, k.City)
}

// knownOf returns what a stored profile says; nil: it was not changed.
func knownOf(c *actors.ProfileChange) *judge.Known {
	if c.GetProfile() == nil {
		return nil
	}
	k := &judge.Known{VIP: slices.Contains(c.Profile.Tags, "vip")}
	for _, a := range c.Profile.Attributes {
		switch a.Name {
		case "n":
			k.Value = a.GetText()
		case "city":
			k.City = a.GetText()
		}
	}
	return k
}

// preferences are those of an answer.
type preferences struct {
	MutedUntil string                     `json:"muted_until"`
	Categories map[string]map[string]bool `json:"categories"`
	Tenants    json.RawMessage            `json:"tenants"` // or those of a profile
}

// wishBase is the second since 1970 from which on preferences are told apart: long past, so
// that nobody is muted.
const wishBase = 1_000_000_000

// wishValue returns when the preferences end to mute, and what is wrong with the rest.
func (p *preferences) wishValue() string {
	at, err := time.Parse(time.RFC3339, p.MutedUntil)
	if err != nil {
		return p.MutedUntil
	}
	n := at.Unix() - wishBase
	var tenants map[string]preferences
	if json.Unmarshal(p.Tenants, &tenants) != nil || p.Categories["c0"]["sms"] != (n%2 == 0) || tenants["acme"].Categories["c1"]["email"] != (n%3 == 0) {
		return fmt.Sprintf("%s, torn: %v %s", p.MutedUntil, p.Categories, p.Tenants)
	}
	return p.MutedUntil
}

// wish writes preferences of its own, by category and tenant, or reads which are there.
func (c *caller) wish(l *log) {
	n := int64(c.keys)<<8 + int64(c.number)
	until := time.Unix(wishBase+n, 0).UTC().Format("2006-01-02T15:04:05.000Z")
	op := judge.ProfileOp{Read: c.rng.IntN(3) == 0, Value: until}
	q := request{http.MethodPut, "/v1/users/" + l.h.User + "/preferences",
		fmt.Sprintf(`{"muted_until":%q,"categories":{"c0":{"sms":%v}},"tenants":{"acme":{"categories":{"c1":{"email":%v}}}}}`, until, n%2 == 0, n%3 == 0)}
	if op.Read {
		q.method, q.body = http.MethodGet, ""
	}
	r := c.insist("the preferences of "+l.h.User, q, false)
	if op.Call, op.Return, op.Answered = r.call, r.back, r.answered; op.Read {
		op.Value = r.wishValue()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Wishes = append(l.h.Wishes, op)
}

// late is for how long what was asked for in vain may be done yet: by a server that was
// frozen, or whose links stood still.
const late = 45 * time.Second

// list lets a user be in a list, or not; now and then it empties it.
func (c *caller) list(l *log) {
	name := judge.Lists[c.rng.IntN(len(judge.Lists))]
	op := judge.FollowOp{Topic: judge.Listed(name), Stop: c.rng.IntN(3) == 0}
	if c.rng.IntN(12) == 0 {
		c.empty(op)
		return
	}
	q := request{http.MethodPost, "/v1/lists/" + name, fmt.Sprintf("{\"user\":%q}\n", l.h.User)}
	if op.Stop {
		q.path += "/remove"
	}
	r := c.insist("a list of "+l.h.User, q, false)
	for _, op := range tried(op, r) {
		l.followed(op)
	}
}

// tried returns what came of an operation that has no key, so that what was tried in vain
// may be done later.
func tried(op judge.FollowOp, r reply) []judge.FollowOp {
	op.Call, op.Return, op.Answered = r.call, r.back, r.answered
	if r.tries == 0 {
		return []judge.FollowOp{op}
	}
	perhaps := op
	perhaps.Answered, perhaps.Maybe, perhaps.Return = false, true, r.back+late
	if !r.answered {
		perhaps.Return = judge.Unanswered
	}
	return []judge.FollowOp{op, perhaps}
}

func (l *log) followed(op judge.FollowOp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Follows = append(l.h.Follows, op)
}

// empty takes all users out of a list.
func (c *caller) empty(op judge.FollowOp) {
	op.Stop = true
	name := strings.TrimPrefix(op.Topic, judge.Listed(""))
	for more := true; more; {
		r := c.insist("a list", request{method: http.MethodDelete, path: "/v1/lists/" + name}, false)
		ops := tried(op, r)
		if more = r.answered && r.More; more {
			ops[0].Answered, ops[0].Maybe = false, true // of some it is done
		}
		for _, l := range c.users {
			for _, op := range ops {
				l.followed(op)
			}
		}
	}
}

// move gives the segment another expression that changes now and then.
func (c *caller) move() {
	op := judge.ProfileOp{Value: judge.Movements[c.rng.IntN(len(judge.Movements))]}
	r := c.insist("a segment", segmentRequest(judge.Moving, op.Value), false)
	op.Call, op.Return, op.Answered = r.call, r.back, r.answered
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	c.air.moving = append(c.air.moving, op)
}

func segmentRequest(name, where string) request {
	return request{http.MethodPut, "/v1/segments/" + name, fmt.Sprintf(`{"where":%q}`, where)}
}

// save saves all segments.
func (c *caller) save() {
	for _, name := range slices.Sorted(maps.Keys(judge.Segments)) {
		c.insist("a segment", segmentRequest(name, judge.Segments[name]), false)
	}
	c.move()
}

// preview asks whom one of the segments finds, or with all whom each finds, and then sends
// them something.
func (c *caller) preview(all bool) {
	names := slices.Sorted(maps.Keys(judge.Segments))
	if !all {
		names = []string{names[c.rng.IntN(len(names))]}
	}
	for _, name := range names {
		r := c.insist("a preview", request{method: http.MethodGet, path: "/v1/segments/" + name + "/preview"}, false)
		if !r.answered {
			continue
		}
		p := judge.Preview{Segment: name, Count: r.Count, Users: r.Users, Call: r.call, Return: r.back}
		if all {
			c.keys++
			op := judge.Broadcast{Change: judge.Published, Body: fmt.Sprintf("broadcast %d of caller %d", c.keys, c.number), Audience: judge.Audience{Segment: name}}
			p.Sent = c.speak(op, judge.Label{Category: "b0"}, "", false)
		}
		c.air.mu.Lock()
		c.air.previews = append(c.air.previews, p)
		c.air.mu.Unlock()
	}
}
