package user_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"reddot/actors"
)

// A link is a connection that has a session; it says what it is told.
type link struct {
	s      *script
	client string
	id     uint64
}

func (l *link) Client() string { return l.client }
func (l *link) ID() uint64     { return l.id }
func (l *link) Replaced()      { l.s.Say("link %d of %s: replaced", l.id, l.client) }
func (l *link) Lost()          { l.s.Say("link %d of %s: lost", l.id, l.client) }
func (l *link) Queued(list []actors.QueuedMessage) {
	for _, w := range list {
		text := "to be fetched"
		if w.Message != nil {
			text = fmt.Sprintf("%s: %s", w.Message.Topic, l.s.payload(w.Message))
		}
		l.s.Say("link %d of %s: queued %d qos %d, %s", l.id, l.client, w.Seq, w.Qos, text)
	}
}

// payload is a topic's message; one of the inbox is shown by its id.
func (s *script) payload(m *actors.TopicMessage) string {
	for id, name := range s.names {
		if strings.Contains(string(m.Payload), id.String()) {
			return "message " + name
		}
	}
	if len(m.Payload) > 100 {
		return fmt.Sprint(len(m.Payload), " bytes")
	}
	return string(m.Payload)
}

// session is a step that concerns a session; false: this one does not.
func (s *script) session(t *testing.T, d *datadriven.TestData) bool {
	client := ""
	if len(d.CmdArgs) > 0 {
		client = d.CmdArgs[0].Key
	}
	var c actors.Command
	switch d.Cmd {
	case "open":
		c = s.open(t, d, client)
	case "again":
		c = &actors.OpenSession{Client: client, Again: true, Epoch: s.epochs[client], Link: s.links[client]}
	case "change":
		c = s.changing(t, d, client)
	case "close":
		c = &actors.CloseSession{Client: client, Epoch: s.epochs[client], Link: s.links[client], Orderly: d.HasArg("orderly")}
	case "queue":
		m := &actors.TopicMessage{App: actors.DefaultApp, Topic: client, Payload: []byte(strings.TrimSpace(d.Input)), Qos: 1}
		d.MaybeScanArgs(t, "qos", &m.Qos)
		size := 0
		if d.MaybeScanArgs(t, "size", &size); size > 0 {
			m.Payload = make([]byte, size)
		}
		q := &actors.QueueMessage{Message: m}
		if d.MaybeScanArgs(t, "client", &q.Client); q.Client != "" {
			d.ScanArgs(t, "filter", &q.Filter)
		}
		c = q
	case "fetch":
		f := &actors.FetchWaiting{Client: client}
		for _, a := range d.CmdArgs[1:] {
			for i := range a.Vals {
				var seq uint64
				if _, err := fmt.Sscan(a.Vals[i], &seq); err != nil {
					t.Fatal(err)
				}
				f.Seqs, f.Inbox = append(f.Seqs, seq), append(f.Inbox, a.Key == "inbox")
			}
		}
		c = f
	case "interest":
		i := s.Topics.InterestOf(alice)
		s.Say("filters %v shares %v sessions %d size %d", i.Filters, i.Shares, i.Sessions, i.Size)
		return true
	default:
		return false
	}
	cmd := d.Cmd // the answer may come at a later step
	s.Request(alice, c, actors.Once{}, func(a *actors.Answer) string { return s.answerOf(client, cmd, a) })
	return true
}

func (s *script) open(t *testing.T, d *datadriven.TestData, client string) *actors.OpenSession {
	s.opened++
	s.links[client] = &link{s, client, s.opened}
	c := &actors.OpenSession{Client: client, Clean: d.HasArg("clean"), Link: s.links[client]}
	var expiry, will string
	if d.MaybeScanArgs(t, "expiry", &expiry); expiry != "" {
		c.Expiry = s.duration(t, expiry).Milliseconds()
	}
	if d.MaybeScanArgs(t, "will", &will); will != "" {
		c.Will = &actors.Will{Message: &actors.TopicMessage{App: actors.DefaultApp, Topic: will, Payload: []byte("will of " + client), Client: client}}
		d.MaybeScanArgs(t, "delay", &c.Will.Delay)
	}
	return c
}

func (s *script) changing(t *testing.T, d *datadriven.TestData, client string) *actors.ChangeSession {
	c := &actors.ChangeSession{Client: client, Epoch: s.epochs[client], Change: &actors.SessionChange{Client: client}}
	d.MaybeScanArgs(t, "epoch", &c.Epoch)
	for _, a := range d.CmdArgs[1:] {
		for _, v := range a.Vals {
			n := uint64(0)
			_, _ = fmt.Sscan(v, &n)
			switch a.Key {
			case "subscribe":
				c.Change.Set = append(c.Change.Set, &actors.Subscription{Filter: v, Qos: 1, Inbox: v == "users/alice/messages"})
			case "unsubscribe":
				c.Change.Unset = append(c.Change.Unset, v)
			case "sent":
				c.Change.Sent = append(c.Change.Sent, &actors.Outgoing{Id: uint32(n), Seq: n, Qos: 1})
			case "done":
				c.Change.Done = append(c.Change.Done, uint32(n))
			}
		}
	}
	return c
}

// answerOf describes what a session's connection is answered.
func (s *script) answerOf(client, cmd string, a *actors.Answer) string {
	var b strings.Builder
	b.WriteString("done")
	if cmd == "open" || cmd == "again" {
		s.epochs[client] = a.Epoch
		fmt.Fprintf(&b, " epoch=%d", a.Epoch)
	}
	if p := a.Session; p != nil {
		fmt.Fprintf(&b, " subscriptions=%d waiting=%d outgoing=%d", len(p.Subscriptions), len(p.Waiting), len(p.Outgoing))
	}
	if cmd == "queue" {
		fmt.Fprintf(&b, " for %d", a.N)
	}
	for _, m := range a.Messages {
		if m == nil {
			b.WriteString("\n  gone")
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s", m.Topic, s.payload(m))
	}
	return b.String()
}

// change describes what an event says of a session.
func (s *script) change(c *actors.SessionChange) string {
	var b strings.Builder
	fmt.Fprintf(&b, " %s", c.Client)
	for word, is := range map[string]bool{"opened": c.Opened, "closed": c.Closed, "willed": c.Willed} {
		if is {
			b.WriteString(" " + word)
		}
	}
	if c.Ended {
		b.WriteString(" ended")
	}
	if c.Yields {
		b.WriteString(" yields")
	}
	if c.Settled != 0 {
		fmt.Fprintf(&b, " settled %d", c.Settled)
	}
	if len(c.Set) > 0 {
		fmt.Fprintf(&b, " subscribed to %s", c.Set[0].Filter)
	}
	if len(c.Sent) > 0 {
		fmt.Fprintf(&b, " sent %d", c.Sent[0].Seq)
	}
	if len(c.Dropped) > 0 {
		fmt.Fprintf(&b, " dropped %v", c.Dropped)
	}
	return b.String()
}
