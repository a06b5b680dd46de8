package user_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// TestUser runs the transcripts in testdata/user: what alice's actor is asked, and what
// it answers, journals, arms and pushes, in this order. Cursors are shown by their
// seqs, ids by their names. To take in a wanted change:
// go test ./actors/user -run '^TestUser$' -rewrite, then read the diff.
func TestUser(t *testing.T) {
	datadriven.Walk(t, "testdata/user", func(t *testing.T, path string) {
		var s *script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if s == nil {
				s = newScript(t, d)
			}
			if d.Cmd == "limits" {
				return ""
			}
			s.do(t, d)
			return s.report(t)
		})
	})
}

const alice = actors.Key("udefault/alice")

// A script is a transcript under way.
type script struct {
	*actorstest.Steps
	names   map[actors.ID]string
	cursors map[string]actors.Cursor
	at      actors.Cursor // of the last answer
	probes  []*probe
	links   map[string]*link
	opened  uint64 // connections that have opened a session
	epochs  map[string]uint64
	seq     uint64 // of the last event that was shown
	wake    int64  // the wake-up that was shown
}

// A probe is a connection, and how many of its events were shown.
type probe struct {
	*actorstest.Probe
	name  string
	shown int
	ended bool
}

func newScript(t *testing.T, d *datadriven.TestData) *script {
	s := &script{names: map[actors.ID]string{}, cursors: map[string]actors.Cursor{}, links: map[string]*link{}, epochs: map[string]uint64{}}
	var l actors.Limits
	if d.Cmd == "limits" {
		for name, p := range map[string]*int{"connections": &l.Connections, "outbox": &l.Outbox, "messages": &l.Messages, "retain": &l.RetainEvents, "sessions": &l.Sessions, "waits": &l.SessionMessages} {
			d.MaybeScanArgs(t, name, p)
		}
	}
	s.Steps = actorstest.NewSteps(t, l, func(n *actorstest.Node) {
		n.Home.Grace = time.Second
		n.Subscribe("#", func(m *actors.TopicMessage) { s.Say("topic %s: %s", m.Topic, m.Payload) })
	})
	return s
}

// do is one step.
func (s *script) do(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "attach":
		s.attach(t, d)
	case "detach":
		for _, p := range s.probes {
			if p.name == d.CmdArgs[0].Key {
				p.Close()
			}
		}
	case "cursor":
		c := s.at
		if d.HasArg("foreign") {
			c.Lineage++
		}
		s.cursors[d.CmdArgs[0].Key] = c
	case "wait":
		s.Wait(s.duration(t, d.CmdArgs[0].Key))
	case "late": // it goes by, and nobody tells her
		s.Clock.Advance(s.duration(t, d.CmdArgs[0].Key))
	case "hold":
		s.Hold()
	case "release":
		s.Release()
	case "slow":
		s.Slow()
	case "load":
		s.Read()
	case "fail":
		s.Journal.Fail(errors.New("the disk is gone"))
	case "busy":
		s.Journal.Refuse(map[bool]error{true: actorstest.ErrBusy}[len(d.CmdArgs) == 0])
	case "closed":
		s.Journal.Refuse(map[bool]error{true: actors.Errorf(actors.Unavailable, "the store is closed")}[len(d.CmdArgs) == 0])
	case "unreadable":
		s.Journal.Unreadable(errors.New("the disk is gone"))
	case "records":
		s.Journal.FailRecords(map[bool]error{true: errors.New("the disk is gone")}[d.CmdArgs[0].Key == "fail"])
	case "unsure":
		s.Home.HoldsLease = func(actors.Key) bool { return false }
	case "sure":
		s.Home.HoldsLease = nil
	case "panic":
		s.Journal.Panic("alice")
	case "restart":
		s.Restart()
	case "passivate":
		s.Send(alice, &actors.Passivate{})
	case "doze":
		s.Send(alice, &actors.Doze{})
	case "move":
		s.Send(alice, &actors.Move{})
	case "hole":
		s.hole(t)
	case "disk":
		s.Say("on disk: %v", s.Journal.Contains(d.CmdArgs[0].Key))
	case "memory":
		s.Say("inboxes in memory: %d", s.Home.InMemory.Load())
	default:
		if !s.session(t, d) {
			s.Request(alice, s.command(t, d), s.once(t, d), s.answer)
		}
	}
}

// hole takes the third of alice's events out, as a damaged store does.
func (s *script) hole(t *testing.T) {
	s.Journal.Apply(&actors.Write{Stream: actors.NewStream(alice, actors.Fence{}, s.seq, nil), After: s.seq, Delete: []actors.Range{{First: 3, Last: 3}}})
	s.seq = 2 // what follows is shown
	if there, err := s.Journal.HasEvent(alice, 3); there || err != nil {
		t.Fatal(there, err)
	}
}

// attach attaches a connection, after a cursor if one is named.
func (s *script) attach(t *testing.T, d *datadriven.TestData) {
	p := &probe{name: d.CmdArgs[0].Key}
	after := ""
	d.MaybeScanArgs(t, "after", &after)
	with := []func(*actors.Attachment){func(a *actors.Attachment) { a.Since = s.Clock.Now() }}
	if after != "" {
		with = append(with, actorstest.After(s.cursors[after]))
	}
	p.Probe = actorstest.New("alice", with...)
	s.probes = append(s.probes, p)
	p.Attach(s)
}

// command is what alice is asked.
func (s *script) command(t *testing.T, d *datadriven.TestData) actors.Command {
	var after, next string
	name, limit := named(d), 100
	d.MaybeScanArgs(t, "after", &after)
	d.MaybeScanArgs(t, "next", &next)
	d.MaybeScanArgs(t, "limit", &limit)
	switch d.Cmd {
	case "publish":
		return &actors.Publish{Message: s.message(t, d)}
	case "edit":
		return &actors.Edit{ID: s.id(name), Patch: []byte(d.Input)}
	case "retract":
		return &actors.Retract{ID: s.id(name), Brief: d.HasArg("brief")}
	case "seen", "read", "unread", "archive", "snooze":
		return s.mark(t, d)
	case "act":
		c := &actors.Act{ID: s.id(name)}
		d.MaybeScanArgs(t, "action", &c.Action)
		d.MaybeScanArgs(t, "reply", &c.Reply)
		return c
	case "counts":
		return &actors.Counts{}
	case "list":
		c := &actors.List{Limit: limit, Next: next}
		d.MaybeScanArgs(t, "state", &c.State)
		d.MaybeScanArgs(t, "category", &c.Category)
		return c
	case "find":
		return &actors.Find{ID: s.id(name)}
	case "replay":
		return &actors.Replay{After: s.cursors[after], Limit: limit}
	case "journal":
		c := &actors.JournalPage{Limit: limit}
		d.MaybeScanArgs(t, "after", &c.After)
		return c
	case "state":
		c := &actors.StateAt{}
		d.ScanArgs(t, "rev", &c.Rev)
		return c
	case "export":
		return &actors.Export{}
	case "connections":
		return &actors.Connections{}
	case "presence":
		return &actors.Presence{}
	case "disconnect":
		return &actors.Disconnect{Why: actors.EndDisconnected}
	case "retain": // what a user can't be asked
		return &actors.Retain{}
	}
	t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return nil
}

// named is the first name that a step gives an id by.
func named(d *datadriven.TestData) string {
	for _, a := range d.CmdArgs {
		if a.Key == "id" && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return ""
}

// id returns the id of a name: its time is now if it is new.
func (s *script) id(name string) actors.ID {
	for id, n := range s.names {
		if n == name {
			return id
		}
	}
	var id actors.ID
	binary.BigEndian.PutUint64(id[:], uint64(s.Clock.Now())<<16|0x7000)
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	h.Sum(id[8:8])
	s.names[id] = name
	return id
}

func (s *script) message(t *testing.T, d *datadriven.TestData) *actors.Message {
	name := named(d)
	id := s.id(name)
	m := &actors.Message{Id: id[:], Category: "default", CreatedAt: s.Clock.Now(), Content: fmt.Appendf(nil, `"title":"%s"`, name)}
	if d.HasArg("actions") {
		m.Content = append(m.Content, `,"actions":[{"id":"yes","label":"Yes"},{"id":"say","label":"Say","reply":true}]`...)
	}
	d.MaybeScanArgs(t, "category", &m.Category)
	d.MaybeScanArgs(t, "collapse", &m.CollapseKey)
	d.MaybeScanArgs(t, "campaign", &m.Campaign)
	for name, at := range map[string]*int64{"send": &m.SendAt, "expires": &m.ExpiresAt} {
		var after string
		if d.MaybeScanArgs(t, name, &after); after != "" {
			*at = s.Clock.Now() + s.duration(t, after).Milliseconds()
		}
	}
	return m
}

func (s *script) mark(t *testing.T, d *datadriven.TestData) *actors.Mark {
	m := &actors.Mark{To: map[string]actors.Marking{"seen": actors.MarkSeen, "read": actors.MarkRead, "unread": actors.MarkUnread, "archive": actors.MarkArchived, "snooze": actors.MarkSnoozed}[d.Cmd]}
	var upto, until string
	d.MaybeScanArgs(t, "up-to", &upto)
	if d.MaybeScanArgs(t, "for", &until); until != "" {
		m.Until = s.Clock.Now() + s.duration(t, until).Milliseconds()
	}
	if upto != "" {
		c := s.cursors[upto]
		m.UpTo = &c
	}
	for _, a := range d.CmdArgs {
		if a.Key == "id" {
			for _, name := range a.Vals {
				m.IDs = append(m.IDs, s.id(name))
			}
		}
	}
	return m
}

// once is the caller's key if one is given, and the edge's for what has an id.
func (s *script) once(t *testing.T, d *datadriven.TestData) actors.Once {
	var key string
	d.MaybeScanArgs(t, "key", &key)
	switch {
	case key != "":
		return actors.CallersOnce("caller", key, []byte(d.Cmd), []byte(d.Input))
	case d.Cmd == "publish":
		return actors.EdgeOnce(s.id(named(d)))
	}
	return actors.Once{}
}

func (s *script) duration(t *testing.T, text string) time.Duration {
	v, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// answer describes an answer.
func (s *script) answer(a *actors.Answer) string {
	var b strings.Builder
	if s.at = a.Cursor; !a.ID.IsZero() {
		fmt.Fprintf(&b, "%s ", s.names[a.ID])
	}
	if a.Outcome != 0 {
		fmt.Fprintf(&b, "%s ", a.Outcome)
	}
	if a.Replayed {
		b.WriteString("replayed ")
	}
	fmt.Fprintf(&b, "rev=%d at=%d", a.Rev, a.Cursor.Seq)
	if len(a.Counts) > 0 {
		var c struct{ Unread, Unseen int }
		if err := json.Unmarshal(a.Counts, &c); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, " unread=%d unseen=%d", c.Unread, c.Unseen)
	}
	for _, id := range a.Unknown {
		fmt.Fprintf(&b, " unknown=%s", s.names[id])
	}
	if a.More {
		b.WriteString(" more")
	}
	if len(a.Body) > 0 {
		if !json.Valid([]byte("[" + string(a.Body) + "]")) {
			return fmt.Sprintf("%s is no JSON", a.Body)
		}
		fmt.Fprintf(&b, "\n  %s", s.text(string(a.Body)))
	}
	return b.String()
}

var cursorText = regexp.MustCompile(`"cursor":"([^"]*)"`)

// text has names for ids, and seqs for cursors.
func (s *script) text(body string) string {
	for id, name := range s.names {
		body = strings.ReplaceAll(body, id.String(), name)
	}
	return cursorText.ReplaceAllStringFunc(body, func(m string) string {
		c, err := actors.ParseCursor(cursorText.FindStringSubmatch(m)[1])
		if err != nil {
			return m
		}
		return fmt.Sprintf(`"cursor":"@%d"`, c.Seq)
	})
}

// report says what came of a step.
func (s *script) report(t *testing.T) string {
	t.Helper()
	s.Settle()
	ctx := context.Background()
	if err := s.Journal.Events(ctx, alice, s.seq+1, math.MaxUint64, func(seq uint64, raw []byte) bool {
		s.seq = seq
		e := &actors.Event{}
		if err := actors.DecodeEvent(raw, e); err != nil {
			t.Fatal(err)
		}
		s.Say("journal %s", s.event(e))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	var wake int64
	_ = s.Journal.Due(ctx, math.MaxInt64, func(_ actors.Key, at int64) bool {
		wake = at
		return true
	})
	if wake != s.wake {
		s.wake = wake
		s.Say("wake %s", s.after(wake))
	}
	for _, p := range s.probes {
		s.look(p)
	}
	return s.Said()
}

// after is how long it is until a time.
func (s *script) after(at int64) string {
	if at == 0 {
		return "never"
	}
	return fmt.Sprint("in ", time.Duration(at-s.Clock.Now())*time.Millisecond)
}

// look says what a connection has got.
func (s *script) look(p *probe) {
	list := p.Events()
	for _, e := range list[p.shown:] {
		line := e.String()
		if e.ID != "" {
			line += " " + s.text(e.ID)
		}
		for _, id := range append(e.IDs, e.Gone...) {
			line += " " + s.text(id)
		}
		s.Say("%s < %s", p.name, line)
	}
	p.shown = len(list)
	if why, ended := p.Ended(); ended && !p.ended {
		p.ended = true
		s.Say("%s < end: %s", p.name, why)
	}
}

// event describes a stored event.
func (s *script) event(e *actors.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", e.Seq, e.Kind)
	if m := e.Message; m != nil {
		fmt.Fprintf(&b, " %s", s.names[actors.ID(m.Id)])
	}
	if e.Kind == actors.Kind_MARKED || e.State == actors.State_SCHEDULED {
		fmt.Fprintf(&b, " %s", e.State.Word())
	}
	for _, list := range [][]byte{e.Ids, e.Dropped} {
		actors.EachID(list, func(id actors.ID) { fmt.Fprintf(&b, " %s", s.names[id]) })
	}
	if e.Upto != 0 {
		fmt.Fprintf(&b, " up to %d by %s", e.Upto, e.Transport)
	}
	for _, q := range e.Queue {
		fmt.Fprintf(&b, " for %s qos %d", q.Client, q.Waiting.Qos)
	}
	if c := e.Session; c != nil {
		b.WriteString(s.change(c))
	}
	return b.String()
}
