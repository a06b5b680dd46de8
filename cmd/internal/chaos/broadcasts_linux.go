package chaos

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/chaos/judge"
)

// What callers say to many users, and what they let users follow and know.

// lag is how long a server that others do not reach may not know of an entry of the log: until
// it has lost its users, or is reached again.
const lag = 20 * time.Second

// air is what was broadcast, by all callers.
type air struct {
	mu       sync.Mutex
	ops      []judge.Broadcast
	toAll    []string        // ids of what was broadcast to all and is not over
	passing  map[string]bool // those that may leave by themselves
	moving   []judge.ProfileOp
	previews []judge.Preview
}

func (a *air) add(op judge.Broadcast) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ops = append(a.ops, op)
	switch {
	case !op.Answered:
	case op.Change == judge.Published && op.ToAll():
		a.toAll = append(a.toAll, op.ID)
	case op.Change == judge.Retracted:
		a.toAll = slices.DeleteFunc(a.toAll, func(id string) bool { return id == op.ID })
	}
}

// some returns a broadcast to all that is not over, mostly one of the last.
func (a *air) some(pick func(int) int) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	recent := a.toAll[max(0, len(a.toAll)-20):]
	if len(recent) == 0 {
		return "", false
	}
	return recent[pick(len(recent))], true
}

// acked returns the ids of what was broadcast to all after a time, and is not over.
func (a *air) acked(since time.Duration) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, op := range a.ops {
		if op.Change == judge.Published && op.Answered && op.Call > since && slices.Contains(a.toAll, op.ID) && !a.passing[op.ID] {
			ids = append(ids, op.ID)
		}
	}
	return ids
}

// broadcast broadcasts a message, or changes one of its own, or takes it back.
func (c *caller) broadcast() {
	n := c.rng.IntN(4)
	if n < 2 || len(c.spoken) == 0 {
		c.say()
		return
	}
	i := c.rng.IntN(len(c.spoken))
	op := judge.Broadcast{Change: judge.Edited, ID: c.spoken[i]}
	q := request{method: http.MethodPatch, path: "/v1/messages/" + op.ID}
	if n == 2 {
		op.Body = fmt.Sprintf("edit %d of caller %d", c.keys, c.number)
		q.body = fmt.Sprintf(`{"body":%q}`, op.Body)
	} else {
		op.Change, q.method = judge.Retracted, http.MethodDelete
		c.spoken = slices.Delete(c.spoken, i, i+1)
	}
	r := c.insist("a broadcast is "+string(op.Change), q, false)
	if r.missing {
		c.faults = append(c.faults, fmt.Errorf("caller %d: the broadcast %s can't be %s, it is not there", c.number, op.ID, op.Change))
		return
	}
	op.Call, op.Return, op.Answered = r.call, r.back, r.answered
	c.air.add(op)
}

// say broadcasts a message to all or to the followers of a topic, now or a little later.
func (c *caller) say() {
	op := judge.Broadcast{Change: judge.Published, Body: fmt.Sprintf("broadcast %d of caller %d", c.keys, c.number)}
	about, later := c.label("b"), ""
	if about.Expires == 0 && c.rng.IntN(8) == 0 {
		later = fmt.Sprintf(`,"send_at":%q`, time.Now().Add(time.Duration(c.rng.IntN(4000))*time.Millisecond).UTC().Format(time.RFC3339Nano))
	}
	names := slices.Sorted(maps.Keys(judge.Segments))
	switch c.rng.IntN(6) {
	case 0:
		op.Topic = judge.Topics[c.rng.IntN(len(judge.Topics))]
	case 1:
		op.List = judge.Lists[c.rng.IntN(len(judge.Lists))]
	case 2:
		op.Segment = names[c.rng.IntN(len(names))]
	case 3:
		op.Segment = judge.Moving
	}
	c.speak(op, about, later, c.rng.IntN(20) == 0)
}

// speak broadcasts a message, and returns its id.
func (c *caller) speak(op judge.Broadcast, about judge.Label, later string, once bool) string {
	to := `{"all":true}`
	switch {
	case op.Topic != "":
		to = fmt.Sprintf(`{"topic":%q}`, op.Topic)
	case op.List != "":
		to = fmt.Sprintf(`{"list":%q}`, op.List)
	case op.Segment != "":
		to = fmt.Sprintf(`{"segment":%q}`, op.Segment)
	}
	r := c.insist("a broadcast", request{http.MethodPost, "/v1/messages", fmt.Sprintf(`{"to":%s,"body":%q%s%s}`, to, op.Body, members(about), later)}, once)
	if r.missing {
		c.faults = append(c.faults, fmt.Errorf("caller %d: there is nobody to broadcast to: %+v", c.number, op.Audience))
		return ""
	}
	if op.Call, op.Return, op.Answered, op.ID = r.call, r.back, r.answered, r.ID; r.answered && about.Expires == 0 {
		c.spoken = append(c.spoken, op.ID)
	}
	c.air.add(op)
	if !about.Stays() {
		c.air.passes(op.ID)
	}
	return op.ID
}

// passes notes that a broadcast may leave by itself.
func (a *air) passes(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.passing == nil {
		a.passing = make(map[string]bool)
	}
	a.passing[id] = true
}

// follow lets a user follow a topic, or stop to.
func (c *caller) follow(l *log) {
	op := judge.FollowOp{Topic: judge.Topics[c.rng.IntN(len(judge.Topics))], Stop: c.rng.IntN(3) == 0}
	q := request{method: http.MethodPut, path: "/v1/users/" + l.h.User + "/follows/" + op.Topic}
	if op.Stop {
		q.method = http.MethodDelete
	}
	r := c.insist("a follow of "+l.h.User, q, false)
	op.Call, op.Return, op.Answered = r.call, r.back, r.answered
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Follows = append(l.h.Follows, op)
}

// profile writes something of its own into a profile, or reads what is there.
func (c *caller) profile(l *log) {
	op := judge.ProfileOp{Read: c.rng.IntN(3) == 0, Value: fmt.Sprintf("p%d-%d", c.number, c.keys)}
	q := request{http.MethodPut, "/v1/users/" + l.h.User, profileBody(op.Value)}
	switch {
	case op.Read:
		q.method, q.body = http.MethodGet, ""
	case c.rng.IntN(2) == 0:
		q.method = http.MethodPatch
	}
	r := c.insist("the profile of "+l.h.User, q, false)
	if op.Call, op.Return, op.Answered = r.call, r.back, r.answered; op.Read {
		op.Value = judge.ValueOf(r.Attributes, r.Tags)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h.Profile = append(l.h.Profile, op)
}

// presence asks whether a user is connected.
func (c *caller) presence(l *log) {
	r := c.insist("the presence of "+l.h.User, request{method: http.MethodGet, path: "/v1/users/" + l.h.User + "/presence"}, false)
	if r.answered && r.Online == nil {
		c.faults = append(c.faults, fmt.Errorf("caller %d: the presence of %s says nothing", c.number, l.h.User))
	}
}

// history reads the log as the store has it.
func (a *air) history(ctx context.Context, w *world) (*judge.LogHistory, error) {
	text, err := w.db.SQL(ctx, fmt.Sprintf("select string_agg(encode(data, 'hex'), ' ' order by seq) from reddot_events where key = convert_to('%s', 'UTF8')", actors.LogKey(actors.DefaultApp)))
	if err != nil {
		return nil, fmt.Errorf("read the broadcast log: %w", err)
	}
	h := &judge.LogHistory{Ops: a.ops, Lag: lag, Moving: a.moving, Previews: a.previews}
	for _, one := range strings.Fields(text) {
		raw, err := hex.DecodeString(one)
		if err != nil {
			return nil, fmt.Errorf("read the broadcast log: %w", err)
		}
		e, err := actors.DecodeLogEntry(raw)
		if err != nil {
			return nil, err
		}
		n := judge.LogEntry{Pos: e.Pos, ID: e.Concerns().String(), Hidden: e.Hidden, At: e.At, Label: labelOf(e.Message),
			Audience: judge.Audience{Topic: e.Audience.Topic, List: e.Audience.List, Segment: e.Audience.Segment.GetName()}, Where: e.Audience.Segment.GetWhere(),
			Kind: map[actors.LogKind]judge.LogKind{
				actors.LogKind_LOG_PUBLISHED: judge.Published, actors.LogKind_LOG_EDITED: judge.Edited, actors.LogKind_LOG_RETRACTED: judge.Retracted,
				actors.LogKind_LOG_DUE: judge.Due, actors.LogKind_LOG_EXPIRED: judge.Expired,
			}[e.Kind]}
		if n.Body, err = body(e.Message); err != nil {
			return nil, err
		}
		h.Entries = append(h.Entries, n)
	}
	return h, nil
}

// body returns the text of a message, "" where its content was taken out.
func body(m *actors.Message) (string, error) {
	if len(m.GetContent()) == 0 {
		return "", nil
	}
	var v struct{ Body string }
	if err := json.Unmarshal(slices.Concat([]byte("{"), m.Content, []byte("}")), &v); err != nil {
		return "", fmt.Errorf("the content of a broadcast: %w", err)
	}
	return v.Body, nil
}
