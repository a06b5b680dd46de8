package user_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// TestLives runs the transcripts in testdata/lives: what happens to messages to alice, and how
// it is explained. To take in a wanted change:
// go test ./actors/user -run '^TestLives$' -rewrite, then read the diff.
func TestLives(t *testing.T) {
	datadriven.Walk(t, "testdata/lives", func(t *testing.T, path string) {
		s := &lives{script: newScript(t, &datadriven.TestData{Cmd: "lives"})}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.step(t, d)
			return s.Said()
		})
	})
}

// lives is a transcript under way.
type lives struct {
	*script
	policy  *actors.Policy
	version uint64
}

func (s *lives) step(t *testing.T, d *datadriven.TestData) {
	s.Settle()
	switch d.Cmd {
	case "policy":
		s.version++
		s.policy = &actors.Policy{Name: "gentle", Version: s.version, Body: []byte(d.Input)}
	case "publish":
		m := s.message(t, d)
		m.Policy = s.policy
		s.Request(alice, &actors.Publish{Message: m}, s.once(t, d), func(a *actors.Answer) string {
			return strings.TrimSpace(fmt.Sprint(a.Outcome, " ", a.Reason))
		})
	case "broadcast":
		s.told(t, actors.LogKey(actors.DefaultApp), &actors.Broadcast{Message: s.message(t, d), Audience: audienceOf(t, d)})
	case "recall":
		s.told(t, actors.LogKey(actors.DefaultApp), &actors.Retract{ID: s.id(named(d))})
	case "retract":
		s.told(t, alice, &actors.Retract{ID: s.id(named(d))})
	case "profile":
		p := &actors.Profile{}
		for _, a := range d.CmdArgs {
			p.Attributes = append(p.Attributes, &actors.Attribute{Name: a.Key, Value: &actors.Attribute_Text{Text: a.Vals[0]}})
		}
		s.told(t, alice, &actors.SetProfile{Profile: p})
	case "off":
		s.told(t, alice, &actors.SetPreferences{Preferences: &actors.Preferences{Categories: []*actors.CategoryPreference{
			{Category: d.CmdArgs[0].Key, Channels: []*actors.ChannelPreference{{Channel: "inapp"}}}}}})
	case "deny":
		s.told(t, alice, &actors.SetStanding{Standing: &actors.Standing{Reason: d.Input}})
	case "follow":
		s.told(t, alice, &actors.Follow{Topic: d.CmdArgs[0].Key})
	case "seen", "read", "unread", "archive", "snooze":
		s.told(t, alice, s.mark(t, d))
	case "explain":
		s.Request(alice, &actors.Explain{ID: s.id(named(d))}, actors.Once{}, s.life)
	case "journal", "find", "list":
		s.Request(alice, s.command(t, d), actors.Once{}, func(a *actors.Answer) string { return s.text(string(a.Body)) })
	default:
		s.do(t, d)
	}
	for range 3 { // what follows from what was written
		s.Settle()
	}
}

// told asks for what is to succeed.
func (s *lives) told(t *testing.T, key actors.Key, c actors.Command) {
	r := actors.NewRequest(key, c)
	done := make(chan *actors.Error, 1)
	r.OnReply(func(r *actors.Request) { done <- r.Answer.Err })
	s.Send(key, r)
	for end := time.Now().Add(actorstest.Patience); ; {
		s.Settle()
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%T: %v", c, err)
			}
			return
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%T is not answered", c)
		}
	}
}

func audienceOf(t *testing.T, d *datadriven.TestData) *actors.Audience {
	var to string
	d.ScanArgs(t, "to", &to)
	kind, name, _ := strings.Cut(to, ":")
	a := &actors.Audience{Newcomers: d.HasArg("newcomers")}
	switch kind {
	case "all":
		a.All = true
	case "topic":
		a.Topic = name
	case "list":
		a.List = name
	case "segment":
		a.Segment = &actors.Segment{Name: name, Version: 3, Where: d.Input}
	}
	return a
}

// life writes an explanation as lines.
func (s *lives) life(a *actors.Answer) string {
	var v struct {
		User, Message string
		Decisions     []map[string]any
		Outcome       struct{ State, Text string }
		Reaches       struct{ Journal, Log uint64 }
	}
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s\n", s.text(v.Message), v.User)
	for _, d := range v.Decisions {
		fmt.Fprintf(&b, "  %s %s", strings.TrimSuffix(strings.TrimPrefix(d["at"].(string), "2026-"), "Z"), d["what"])
		for _, name := range []string{"seq", "pos", "rule", "value", "policy", "version", "until", "transport", "digest", "by"} {
			if x, ok := d[name]; ok {
				fmt.Fprintf(&b, " %s=%v", name, s.text(fmt.Sprint(x)))
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  %s: %s", v.Outcome.State, s.text(v.Outcome.Text))
	return b.String()
}

// TestExplainIsQuick: a life in a full journal of 1,000 events is told in 50 ms.
func TestExplainIsQuick(t *testing.T) {
	n := actorstest.NewNode(t, actorstest.NewJournal(), actorstest.NewClock(), actors.Limits{})
	t.Cleanup(n.Stop)
	ask := func(c actors.Command) *actors.Request {
		r := actors.NewRequest(alice, c)
		if err := n.Ask(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := actors.NewID()
	for i := range 1000 {
		id := first
		if i > 0 {
			id = actors.NewID()
		}
		ask(&actors.Publish{Message: &actors.Message{Id: id[:], Category: "order", CreatedAt: n.Clock.Now(), Content: fmt.Appendf(nil, `"title":"%0200d"`, i)}})
	}
	ask(&actors.Mark{To: actors.MarkRead, IDs: []actors.ID{first}})
	best := time.Hour
	for range 5 {
		begin := time.Now()
		r := ask(&actors.Explain{ID: first})
		best = min(best, time.Since(begin))
		if !strings.Contains(string(r.Answer.Body), `"state":"read"`) {
			t.Fatalf("%s", r.Answer.Body)
		}
	}
	if best > 50*time.Millisecond {
		t.Errorf("a life in a journal of 1,000 events takes %v, want at most 50ms", best)
	}
	t.Log(best)
}
