package user

import (
	"bytes"
	"encoding/json"

	"reddot/actors"
	"reddot/actors/inbox"
)

// What a trace is told of a user (actors.Traces).

// trace tells of events once they are durable.
func (u *User) trace(events []*actors.Event) {
	t := u.Home.Traces.On()
	if t == nil {
		return
	}
	if list := u.happenings(t, events, nil); len(list) > 0 {
		u.after(nil, func() {
			for _, h := range list {
				t.Tell(h)
			}
		})
	}
}

// traceMerged tells of what a merge has changed: its entries are durable.
func (u *User) traceMerged(news []*actors.Event) {
	if t := u.Home.Traces.On(); t != nil {
		for _, h := range u.happenings(t, news, u.log) {
			t.Tell(h)
		}
	}
}

// happenings are those of events that somebody wants to know. log is that of merged ones.
func (u *User) happenings(t actors.Tracer, events []*actors.Event, log *actors.Log) (list []*actors.Happening) {
	for _, e := range events {
		h := &actors.Happening{App: u.Key.App(), User: u.Key.Name(), At: e.At}
		if m := e.Message; m != nil {
			h.Messages, h.Campaign = append(h.Messages, actors.ID(m.Id)), m.Campaign
		}
		note := func(id actors.ID) { h.Messages = append(h.Messages, id) }
		actors.EachID(e.Ids, note)
		actors.EachID(e.Dropped, note)
		if log != nil {
			for _, of := range log.Between(e.Pos-1, e.Pos) {
				h.Topic = of.Audience.GetTopic()
			}
		}
		if !t.Wants(h) {
			continue
		}
		d := inbox.Describe(e)
		h.What = d.Kind
		b, err := json.Marshal(struct { // without what the happening says itself
			inbox.EventJSON
			At       string `json:"at,omitempty"`
			Kind     string `json:"kind,omitempty"`
			Campaign string `json:"campaign,omitempty"`
		}{EventJSON: d})
		if err != nil {
			panic(err) // strings and numbers marshal
		}
		h.Body = append([]byte{','}, b[1:len(b)-1]...)
		list = append(list, h)
	}
	return list
}

// tracePush tells what connections are sent.
func (u *User) tracePush(p *actors.Push) {
	t := u.Home.Traces.On()
	if t == nil || len(u.gates) == 0 {
		return
	}
	h := u.happeningOf("push", u.conns()...)
	for i := range p.Events {
		h.Messages = appendPushed(h.Messages, p.Events[i].JSON)
	}
	if !t.Wants(h) {
		return
	}
	h.Body = appendConns(h.Body, h.Connections)
	h.Body = append(h.Body, `,"events":[`...)
	for i := range p.Events {
		if i > 0 {
			h.Body = append(h.Body, ',')
		}
		h.Body = actors.AppendString(h.Body, p.Events[i].Type)
	}
	h.Body = append(h.Body, ']')
	t.Tell(h)
}

// What stands in an event before the id of its message, and before those of several.
var (
	beforeID  = []byte(`"message":{"id":"`)
	beforeIDs = []byte(`"ids":["`)
)

// appendPushed appends the messages that an event is about.
func appendPushed(ids []actors.ID, event []byte) []actors.ID {
	_, rest, one := bytes.Cut(event, beforeID)
	if !one {
		_, rest, _ = bytes.Cut(event, beforeIDs)
	}
	for len(rest) >= idBytes {
		id, err := actors.ParseID(string(rest[:idBytes]))
		if err != nil {
			break
		}
		ids = append(ids, id)
		if rest = rest[idBytes:]; one || !bytes.HasPrefix(rest, between) {
			break
		}
		rest = rest[len(between):]
	}
	return ids
}

// idBytes is how long the text of an id is.
const idBytes = 36

// between stands between two ids.
var between = []byte(`","`)

// traceConn tells that a connection has come or gone.
func (u *User) traceConn(what string, conn uint64, transport string) {
	t := u.Home.Traces.On()
	if t == nil {
		return
	}
	h := u.happeningOf(what, conn)
	if !t.Wants(h) {
		return
	}
	h.Body = appendConns(h.Body, h.Connections)
	if transport != "" {
		h.Body = actors.AppendString(append(h.Body, `,"transport":`...), transport)
	}
	t.Tell(h)
}

func (u *User) happeningOf(what string, conns ...uint64) *actors.Happening {
	return &actors.Happening{What: what, App: u.Key.App(), User: u.Key.Name(), At: u.Home.Now(), Connections: conns}
}

// conns are all connections of the user.
func (u *User) conns() (all []uint64) {
	for i := range u.gates {
		all = append(all, u.gates[i].conns...)
	}
	return all
}

func appendConns(b []byte, conns []uint64) []byte {
	b = append(b, `,"connections":[`...)
	for i, c := range conns {
		if i > 0 {
			b = append(b, ',')
		}
		b = actors.AppendString(b, actors.ConnID(c))
	}
	return append(b, ']')
}
