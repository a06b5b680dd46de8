package inbox

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

// client is what a screen knows: it learns by events alone.
type client struct {
	at     actors.Cursor
	states map[string]string
	counts string
}

func (c *client) take(t *testing.T, p actors.PushEvent) {
	t.Helper()
	var v struct {
		Type, State string
		IDs         []string `json:"ids"`
		Message     struct {
			ID, State string
			Acted     *answer
		}
		Acted    *answer
		Replaces []string
		Dropped  []string
		Counts   json.RawMessage
	}
	if err := json.Unmarshal(p.JSON, &v); err != nil {
		t.Fatalf("%s: %v", p.JSON, err)
	}
	c.counts = string(v.Counts)
	for _, id := range slices.Concat(v.Replaces, v.Dropped) {
		delete(c.states, id)
	}
	switch v.Type {
	case "message":
		c.states[v.Message.ID] = v.Message.State + v.Message.Acted.String()
	case "retract":
		for _, id := range v.IDs {
			delete(c.states, id)
		}
	case "state":
		for _, id := range v.IDs {
			before, ok := c.states[id]
			if !ok {
				continue
			}
			_, acted, _ := strings.Cut(before, " ")
			if v.Acted != nil {
				acted = strings.TrimSpace(v.Acted.String())
			}
			if c.states[id] = strings.TrimSpace(v.State + " " + acted); v.State == "expired" || v.State == "dropped" {
				delete(c.states, id)
			}
		}
	case "update":
		if _, ok := c.states[v.Message.ID]; !ok {
			t.Fatalf("an update of a message that the client does not know: %s", p.JSON)
		}
	default:
		t.Fatalf("an event of type %s", v.Type)
	}
}

// catchUp pulls pages as a connection does.
func (c *client) catchUp(w *world, limit int) (reset bool) {
	w.t.Helper()
	if !w.b.Reaches(c.at) {
		c.at, c.states, c.counts = w.b.Cursor(), screen(w.b), string(w.b.AppendCounts(nil))
		return true
	}
	for more := true; more; {
		p, err := w.page(c.at, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		last := c.at
		for _, e := range p.Events {
			if last.Covers(e.To) || !p.To.Covers(e.To) && p.More {
				w.t.Fatalf("page %v–%v: an event at %v behind %v", p.From, p.To, e.To, last)
			}
			last = e.To
			c.take(w.t.(*testing.T), e)
		}
		if more = p.More; more && p.To == c.at {
			w.t.Fatalf("a page that leads nowhere, at %v", c.at)
		}
		c.at = p.To
	}
	if c.at != w.b.Cursor() {
		w.t.Fatalf("pages end at %v, want %v", c.at, w.b.Cursor())
	}
	return false
}

// screen is what a client that fetches everything sees.
func screen(b *Inbox) map[string]string {
	s := map[string]string{}
	for i := range b.entries {
		if n := &b.entries[i]; n.State != actors.State_SCHEDULED {
			s[n.id.String()] = n.State.Word() + b.answerTo(n).String()
		}
	}
	return s
}
