package inbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"reddot/actors"
)

// TestInbox runs the transcripts in testdata. To take in a wanted change:
// go test ./actors -run '^TestInbox$' -rewrite, then read the diff.
//
// After each step the state must be the one that the journal gives: from all
// events, and from a snapshot at a random place and the events after it.
func TestInbox(t *testing.T) {
	datadriven.Walk(t, "testdata/inbox", func(t *testing.T, path string) {
		s := &script{names: map[actors.ID]string{}, ids: map[string]actors.ID{}, cursors: map[string]actors.Cursor{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if s.world == nil {
				s.world = newWorld(t, actors.Limits{})
			}
			s.t = t
			out := s.run(t, d)
			s.replayAll(rand.IntN(len(s.log) + 1))
			return out
		})
	})
}

// script is a transcript under way: a world, and names for ids and cursors.
type script struct {
	*world
	names   map[actors.ID]string
	ids     map[string]actors.ID
	cursors map[string]actors.Cursor
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	from := s.b.Cursor()
	switch d.Cmd {
	case "limits":
		s.limits = scriptLimits(t, d)
		return ""
	case "wait":
		s.now += duration(t, d.CmdArgs[0].Key)
		return ""
	case "publish":
		return s.report(from, s.do(s.b.Publish(s.message(t, d), s.once(t, d, arg(d, "id")), s.moment(), &s.limits)))
	case "edit":
		id := s.id(arg(d, "id"))
		return s.report(from, s.do(s.b.Edit(s.old(id), []byte(d.Input), s.once(t, d, ""), s.moment(), &s.limits)))
	case "retract":
		return s.report(from, s.do(s.b.Retract(s.id(arg(d, "id")), s.once(t, d, ""), s.moment())))
	case "seen", "read", "unread", "archive", "snooze":
		return s.report(from, s.do(s.b.Mark(s.mark(t, d), s.once(t, d, ""), s.moment())))
	case "delivered":
		return s.report(from, s.do(s.b.Delivered(s.cursors[arg(d, "upto")].Seq, 0, "sse", s.moment())))
	case "expire":
		return s.report(from, s.do(s.b.Expire(s.moment(), &s.limits)))
	case "cursor":
		c := s.b.Cursor()
		if d.HasArg("foreign") {
			c.Lineage++
		}
		s.cursors[arg(d, "name")] = c
		return ""
	case "replay":
		return s.replay(s.cursors[arg(d, "after")])
	case "checkpoint":
		w := s.checkpoint()
		return fmt.Sprintf("delete %v\nforget snapshots below %d\ndisown %s\n", w.Delete, w.Forget, s.list(actors.PackIDs(w.Disown)))
	case "restart":
		s.restart()
		return s.state()
	case "state":
		return s.state()
	}
	t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func arg(d *datadriven.TestData, name string) string {
	for _, a := range d.CmdArgs {
		if a.Key == name && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return ""
}

func duration(t *testing.T, v string) int64 {
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return d.Milliseconds()
}

func scriptLimits(t *testing.T, d *datadriven.TestData) actors.Limits {
	var l actors.Limits
	d.MaybeScanArgs(t, "messages", &l.Messages)
	d.MaybeScanArgs(t, "bytes", &l.InboxBytes)
	d.MaybeScanArgs(t, "retain", &l.RetainEvents)
	if v := arg(d, "age"); v != "" {
		l.MessageAge = time.Duration(duration(t, v)) * time.Millisecond
	}
	l, err := l.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// id returns the id of a name, made now if it is new.
func (s *script) id(name string) actors.ID {
	i, ok := s.ids[name]
	if !ok {
		i = id(name, s.now)
		s.ids[name], s.names[i] = i, name
	}
	return i
}

// once is the caller's key if one is given, else the edge's.
func (s *script) once(t *testing.T, d *datadriven.TestData, name string) actors.Once {
	if key := arg(d, "key"); key != "" {
		return actors.CallersOnce("caller", key, []byte(arg(d, "request")))
	}
	if name == "" {
		name = arg(d, "edge")
	}
	if name == "" || d.HasArg("keyless") {
		return actors.Once{}
	}
	return actors.EdgeOnce(s.id(name))
}

func (s *script) message(t *testing.T, d *datadriven.TestData) *actors.Message {
	id := s.id(arg(d, "id"))
	m := &actors.Message{Id: id[:], Category: "default", CollapseKey: arg(d, "collapse"), CreatedAt: s.now, Shared: d.HasArg("shared")}
	if c := arg(d, "category"); c != "" {
		m.Category = c
	}
	if v := arg(d, "send"); v != "" {
		m.SendAt = s.now + duration(t, v)
	}
	if v := arg(d, "expires"); v != "" {
		m.ExpiresAt = s.now + duration(t, v)
	}
	size := 0
	d.MaybeScanArgs(t, "size", &size)
	m.Content = []byte(`"title":""`)
	if n := size - len(m.Content); n > 0 {
		m.Content = []byte(`"title":"` + strings.Repeat("x", n) + `"`)
	}
	return m
}

// old is what an edit starts from.
func (s *script) old(id actors.ID) *actors.Message {
	if s.b.find(id) < 0 {
		return &actors.Message{Id: id[:]}
	}
	return s.content(id)
}

func (s *script) mark(t *testing.T, d *datadriven.TestData) *actors.Mark {
	m := &actors.Mark{
		To:       map[string]actors.Marking{"seen": actors.MarkSeen, "read": actors.MarkRead, "unread": actors.MarkUnread, "archive": actors.MarkArchived, "snooze": actors.MarkSnoozed}[d.Cmd],
		Category: arg(d, "category"),
	}
	for _, a := range d.CmdArgs {
		if a.Key == "ids" {
			for _, name := range a.Vals {
				m.IDs = append(m.IDs, s.id(name))
			}
		}
	}
	if name := arg(d, "up-to"); name != "" {
		c := s.cursors[name]
		m.UpTo = &c
	}
	if v := arg(d, "for"); v != "" {
		m.Until = s.now + duration(t, v)
	}
	return m
}

// report says what was decided and what clients are told of it.
func (s *script) report(from actors.Cursor, r Ready) string {
	var b strings.Builder
	if r.Err != nil {
		fmt.Fprintf(&b, "error %s\n", r.Err.Code)
		return b.String()
	}
	for _, e := range r.Events {
		s.event(&b, e)
	}
	if !r.ID.IsZero() {
		fmt.Fprintf(&b, "answer id=%s", s.names[r.ID])
		if r.Outcome != 0 {
			fmt.Fprintf(&b, " %s", r.Outcome)
		}
		if r.Replayed {
			fmt.Fprintf(&b, " replayed rev=%d", r.Rev)
		}
		b.WriteByte('\n')
	} else if r.Replayed {
		fmt.Fprintf(&b, "answer replayed rev=%d\n", r.Rev)
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "unknown %s\n", s.list(actors.PackIDs(r.Unknown)))
	}
	for _, p := range s.told {
		fmt.Fprintf(&b, "tell %s\n", s.push(p))
	}
	if from != s.b.Cursor() {
		b.WriteString(s.counts())
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func (s *script) event(b *strings.Builder, e *actors.Event) {
	fmt.Fprintf(b, "append %d %s", e.Seq, e.Kind)
	if e.Message != nil {
		fmt.Fprintf(b, " %s", s.names[actors.ID(e.Message.Id)])
	}
	if e.State != 0 || e.Kind == actors.Kind_MARKED {
		fmt.Fprintf(b, " %s", e.State.Word())
	}
	if e.Until != 0 {
		fmt.Fprintf(b, " until +%s", time.Duration(e.Until-s.now)*time.Millisecond)
	}
	if len(e.Ids) > 0 {
		fmt.Fprintf(b, " ids=%s", s.list(e.Ids))
	}
	if len(e.Dropped) > 0 {
		fmt.Fprintf(b, " dropped=%s", s.list(e.Dropped))
	}
	if e.Upto != 0 {
		fmt.Fprintf(b, " upto=%d", e.Upto)
	}
	if len(e.Once) > 0 {
		b.WriteString(" keyed")
	}
	fmt.Fprintf(b, " rev=%d\n", e.Rev)
}

func (s *script) list(packed []byte) string {
	var names []string
	actors.EachID(packed, func(id actors.ID) { names = append(names, s.names[id]) })
	return "(" + strings.Join(names, " ") + ")"
}

// push describes a pushed event by its JSON, which so is checked to be JSON.
func (s *script) push(p actors.PushEvent) string {
	var v struct {
		Type    string
		Cursor  string
		State   string
		IDs     []string `json:"ids"`
		Message *struct {
			ID       string `json:"id"`
			Category string
			State    string
		}
		Replaces, Dropped []string
		Counts            struct {
			Unread, Unseen int
			Rev            uint64
		}
		Until string `json:"snoozed_until"`
	}
	if err := json.Unmarshal(p.JSON, &v); err != nil {
		s.t.Fatalf("%s: %v", p.JSON, err)
	}
	if c, err := actors.ParseCursor(v.Cursor); err != nil || c != p.To || string(p.ID) != v.Cursor {
		s.t.Fatalf("%s: cursor %v, want %v: %v", p.JSON, c, p.To, err)
	}
	out := v.Type
	if m := v.Message; m != nil {
		out += fmt.Sprintf(" %s %s", s.name(m.ID), m.State)
		if m.Category != "default" {
			out += " category=" + m.Category
		}
	}
	if v.State != "" {
		out += " " + v.State
	}
	for _, l := range []struct {
		name string
		ids  []string
	}{{"ids", v.IDs}, {"replaces", v.Replaces}, {"dropped", v.Dropped}} {
		if len(l.ids) > 0 {
			for i := range l.ids {
				l.ids[i] = s.name(l.ids[i])
			}
			out += fmt.Sprintf(" %s=(%s)", l.name, strings.Join(l.ids, " "))
		}
	}
	return fmt.Sprintf("%s at=%d: unread=%d unseen=%d rev=%d", out, p.To.Seq, v.Counts.Unread, v.Counts.Unseen, v.Counts.Rev)
}

func (s *script) name(text string) string {
	id, err := actors.ParseID(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.names[id]
}

func (s *script) counts() string {
	var v struct {
		Unread, Unseen int
		By             map[string]int `json:"by_category"`
		Rev            uint64
	}
	raw := s.b.AppendCounts(nil)
	if err := json.Unmarshal(raw, &v); err != nil {
		s.t.Fatalf("%s: %v", raw, err)
	}
	var by []string
	for c, n := range v.By {
		by = append(by, fmt.Sprintf("%s:%d", c, n))
	}
	sort.Strings(by)
	return fmt.Sprintf("counts unread=%d unseen=%d rev=%d (%s)\n", v.Unread, v.Unseen, v.Rev, strings.Join(by, " "))
}

// state lists the messages, oldest first.
func (s *script) state() string {
	var b strings.Builder
	b.WriteString(s.counts())
	for i := range s.b.entries {
		n := &s.b.entries[i]
		fmt.Fprintf(&b, "%s %s seq=%d body=%d\n", s.names[n.id], n.State.Word(), n.Seq, n.Body)
	}
	return b.String()
}

// replay is what a client with a cursor gets.
func (s *script) replay(after actors.Cursor) string {
	if !s.b.Reaches(after) {
		return "reset\n"
	}
	p, err := s.page(after, PageEvents)
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range p.Events {
		fmt.Fprintf(&b, "tell %s\n", s.push(e))
	}
	fmt.Fprintf(&b, "to %d\n", p.To.Seq)
	return b.String()
}

// TestStateAt rebuilds an inbox as it was at each rev that the journal still
// reaches back to.
func TestStateAt(t *testing.T) {
	w := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{Messages: 5, RetainEvents: 20}})
	states := map[uint64]string{}
	rng := rand.New(rand.NewPCG(1, 2))
	var ids []actors.ID
	for i := range 200 {
		w.now += 1000
		if len(ids) == 0 || rng.IntN(3) > 0 {
			n := id(fmt.Sprint(i), w.now)
			ids = append(ids, n)
			w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}, actors.EdgeOnce(n), w.moment(), &w.limits))
		} else {
			w.do(w.b.Mark(&actors.Mark{To: actors.MarkRead, IDs: []actors.ID{ids[rng.IntN(len(ids))]}}, actors.Once{}, w.moment()))
		}
		states[w.b.rev] = string(w.b.AppendState(nil))
		if w.b.SnapshotDue(&w.limits) {
			w.checkpoint()
		}
	}
	reached := 0
	for rev := uint64(1); rev <= w.b.rev; rev++ {
		b, err := InboxAt(context.Background(), w, w.key, rev, w.b.seq, w.b.pos, w.readLog)
		if err != nil {
			if actors.AsError(err).Code != actors.NotFound || reached > 0 {
				t.Fatalf("rev %d: %v", rev, err)
			}
			continue
		}
		reached++
		if got := string(b.AppendState(nil)); got != states[rev] {
			t.Fatalf("rev %d: got\n%s, want\n%s", rev, got, states[rev])
		}
	}
	if reached < 20 || reached == int(w.b.rev) {
		t.Fatalf("the journal reaches back %d revs of %d; want at least 20, and some trimmed", reached, w.b.rev)
	}
}

// TestIDTime holds that an id tells its time.
func TestIDTime(t *testing.T) {
	before := time.Now().UnixMilli()
	n := actors.NewID()
	if at := n.Millis(); at < before || at > time.Now().UnixMilli() {
		t.Fatalf("%s: got time %d, want about %d", n, at, before)
	}
	if binary.BigEndian.Uint64(n[:8])>>12&0xf != 7 {
		t.Fatalf("%s is no UUIDv7", n)
	}
}
