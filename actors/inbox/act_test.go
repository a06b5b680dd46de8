package inbox

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
)

// An answer is how a client is told that a message was answered.
type answer struct{ Action, Reply string }

// String describes the answer, behind a blank.
func (a *answer) String() string {
	if a == nil {
		return ""
	}
	return strings.TrimRight(" "+a.Action+" "+a.Reply, " ")
}

func (b *Inbox) answerTo(n *entry) *answer {
	a := b.answers[n.acted]
	if a == nil {
		return nil
	}
	return &answer{a.Action, a.Reply}
}

const someActions = `,"actions":[{"id":"yes","label":"Yes"},{"id":"say","label":"Say","reply":true},{"id":"open","label":"Open","url":"/x"}]`

// withActions gives some contents actions.
func (x *trial) withActions(content []byte, o *modelMessage) []byte {
	if o.actions = x.rng.IntN(2) == 0; o.actions {
		return append(content, someActions...)
	}
	return content
}

// act answers a message, or tries to.
func (x *trial) act() {
	x.beforeMark()
	c := &actors.Act{ID: x.someID(), Action: []string{"yes", "say", "open", "no"}[x.rng.IntN(4)]}
	if x.rng.IntN(3) == 0 {
		c.Reply = fmt.Sprint("well", x.rng.IntN(9))
	}
	o, m, want := x.m.find(c.ID), &actors.Message{}, actors.Code("")
	if o != nil {
		m = x.content(c.ID)
	}
	switch {
	case o == nil || o.state == actors.State_SCHEDULED:
		want = actors.NotFound
	case o.acted != "":
		want = actors.Conflict
	case !o.actions || c.Action == "no" || c.Reply != "" && c.Action != "say":
		want = actors.Invalid
	}
	once := actors.CallersOnce("c", fmt.Sprint("act", x.rng.Uint64()))
	x.note("act %+v, %s", *c, want)
	r := x.done(x.b.Act(m, c, once, x.moment()))
	if r.Err == nil && want != "" || r.Err != nil && r.Err.Code != want {
		x.t.Fatalf("%+v on %+v: %v, want %q", *c, o, r.Err, want)
	}
	if r.Err != nil {
		return
	}
	o.mark(actors.MarkRead, 0, true)
	o.acted = (&answer{c.Action, c.Reply}).String()
	if r := x.b.Act(m, c, once, x.moment()); len(r.Events) > 0 || !r.Replayed {
		x.t.Fatalf("the repeat of an answer is answered by %+v", r)
	}
}

// TestActErased: what a user replied leaves the disk with the message, in events and in snapshots.
func TestActErased(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	n := id("asked", w.now)
	w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"` + someActions)}, actors.Once{}, w.moment(), &w.limits))
	w.do(w.b.Act(w.content(n), &actors.Act{ID: n, Action: "say", Reply: "my secret"}, actors.Once{}, w.moment()))
	onDisk := func() bool {
		for _, all := range []map[uint64][]byte{w.journal, w.snapshots} {
			for _, raw := range all {
				if strings.Contains(string(raw), "my secret") {
					return true
				}
			}
		}
		return false
	}
	w.checkpoint()
	w.restart()
	first := w.b.copied(&w.b.entries[0])
	if got := string(actors.AppendMessage(nil, first.Shown(w.content(n)))); !strings.Contains(got, `"state":"read","acted":{"action":"say","reply":"my secret","at":"`) {
		t.Errorf("it is shown as %s", got)
	}
	if !onDisk() {
		t.Fatal("the reply is nowhere")
	}
	p, err := w.b.Page(w.key, w, w.known, actors.Cursor{Lineage: w.b.Cursor().Lineage, Seq: 1}, 10).Read(context.Background())
	if err != nil || len(p.Events) != 1 || !strings.Contains(string(p.Events[0].JSON), `"state":"read","acted":{"action":"say"`) {
		t.Errorf("who resumes is told %s, %v", p.AppendJSON(nil), err)
	}
	w.do(w.b.Retract(n, actors.Once{}, w.moment()))
	p, err = w.b.Page(w.key, w, w.known, actors.Cursor{Lineage: w.b.Cursor().Lineage, Seq: 1}, 10).Read(context.Background())
	if err != nil || strings.Contains(string(p.AppendJSON(nil)), "secret") {
		t.Errorf("who resumes is told %s, %v", p.AppendJSON(nil), err)
	}
	w.sweep()
	if onDisk() {
		t.Error("the reply stays on the disk")
	}
}
