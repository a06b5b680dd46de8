package explain

import (
	"encoding/json"
	"strings"
	"testing"

	"reddot/actors"
)

var (
	one   = actors.ID{15: 1}
	other = actors.ID{15: 2}
)

// said returns an event about the message.
func said(kind actors.Kind, e *actors.Event) *actors.Event {
	e.Kind, e.Seq, e.At = kind, 7, 1_000
	if e.Message == nil {
		e.Message = &actors.Message{Id: one[:]}
	}
	return e
}

// about returns an event about ids.
func about(kind actors.Kind, e *actors.Event) *actors.Event {
	e.Kind, e.Seq, e.At = kind, 8, 2_000
	if e.Ids == nil && e.Dropped == nil {
		e.Ids = one[:]
	}
	return e
}

func marked(s actors.State) *actors.Event {
	return about(actors.Kind_MARKED, &actors.Event{State: s, Until: 90_000})
}

func verdict(r actors.Rule, value string) *actors.Verdict {
	return &actors.Verdict{Rule: r, Value: value, Policy: "gentle", Version: 3}
}

// TestOutcomes: each thing that can come of a message has its state, its sentence, and its state in
// a list of recipients.
func TestOutcomes(t *testing.T) {
	accepted := said(actors.Kind_ACCEPTED, &actors.Event{})
	gathered := said(actors.Kind_DIGESTED, &actors.Event{Until: 90_000, Verdict: &actors.Verdict{Rule: actors.Rule_CAP, Gather: "d"}})
	entry := func(kind actors.LogKind) *actors.KnownEntry {
		return &actors.KnownEntry{LogEntry: &actors.LogEntry{Kind: kind, Pos: 4, At: 1_000, Id: one[:], Message: &actors.Message{Id: one[:]}, Audience: &actors.Audience{Topic: "secret"}}}
	}
	told := map[string]bool{}
	for _, c := range []struct {
		state, brief string
		events       []*actors.Event
		do           func(*Life)
		text         string // a part of the sentence
		at           string // of the brief
	}{
		{"unseen", "delivered", []*actors.Event{accepted}, nil, "No connection has had it yet", "00:00:01"},
		{"seen", "seen", []*actors.Event{accepted, marked(actors.State_SEEN)}, nil, "has not read it", "00:00:02"},
		{"read", "read", []*actors.Event{accepted, marked(actors.State_READ)}, nil, "The user read it at", "00:00:02"},
		{"archived", "archived", []*actors.Event{accepted, marked(actors.State_ARCHIVED)}, nil, "archived it", "00:00:02"},
		{"snoozed", "snoozed", []*actors.Event{accepted, marked(actors.State_SNOOZED)}, nil, "snoozed it until", "00:00:02"},
		{"scheduled", "scheduled", []*actors.Event{said(actors.Kind_ACCEPTED, &actors.Event{State: actors.State_SCHEDULED, Until: 90_000})}, nil, "appears at", "00:00:01"},
		{"held", "held", []*actors.Event{said(actors.Kind_ACCEPTED, &actors.Event{State: actors.State_SCHEDULED, Until: 90_000, Verdict: verdict(actors.Rule_QUIET_HOURS, "22:00 to 08:00")})}, nil,
			"the rule quiet_hours says: 22:00 to 08:00 (policy gentle, version 3)", "00:00:01"},
		{"filtered", "filtered", []*actors.Event{said(actors.Kind_FILTERED, &actors.Event{Verdict: verdict(actors.Rule_DENY, "a fraud")})}, nil, "the rule deny says: a fraud", "00:00:01"},
		{"digested", "gathered", []*actors.Event{gathered}, nil, "an item of the digest d", "00:00:01"},
		{"digested", "gathered", nil, func(l *Life) { l.Aside(actors.Rule_CAP, true, 1_000) }, "no longer in the journal", "00:00:01"},
		{"filtered", "filtered", nil, func(l *Life) { l.Aside(actors.Rule_CAP, false, 1_000) }, "the rule cap stopped it", "00:00:01"},
		{"in_digest", "gathered", []*actors.Event{gathered, {Kind: actors.Kind_ACCEPTED, Seq: 9, At: 2_000, Message: &actors.Message{Id: other[:]}, Verdict: &actors.Verdict{Gather: "d"}}}, nil,
			"It is in the digest " + other.String(), "00:00:02"},
		{"filtered", "filtered", []*actors.Event{gathered, {Kind: actors.Kind_FILTERED, Seq: 9, At: 2_000, Message: &actors.Message{Id: other[:]}, Verdict: &actors.Verdict{Rule: actors.Rule_DENY, Gather: "d"}}}, nil,
			"the rule deny stopped it", "00:00:02"},
		{"retracted", "retracted", []*actors.Event{accepted, about(actors.Kind_RETRACTED, &actors.Event{})}, nil, "taken back at", "00:00:02"},
		{"expired", "expired", []*actors.Event{accepted, about(actors.Kind_EXPIRED, &actors.Event{})}, nil, "It expired at", "00:00:02"},
		{"dropped", "dropped", []*actors.Event{accepted, about(actors.Kind_DROPPED, &actors.Event{})}, nil, "no room for it any more, or it was too old", "00:00:02"},
		{"dropped", "dropped", []*actors.Event{accepted, said(actors.Kind_ACCEPTED, &actors.Event{Message: &actors.Message{Id: other[:]}, Dropped: one[:]})}, nil, noRoom, "00:00:01"},
		{"collapsed", "collapsed", []*actors.Event{accepted, said(actors.Kind_ACCEPTED, &actors.Event{Message: &actors.Message{Id: other[:]}, Ids: one[:]})}, nil, "Message " + other.String(), "00:00:01"},
		{"skipped", actors.NotInAudience, nil, func(l *Life) {
			l.Entry(entry(actors.LogKind_LOG_PUBLISHED), &Excuse{Value: "did not follow the topic secret"})
		}, "did not follow the topic secret", "00:00:01"},
		{"skipped", "filtered", nil, func(l *Life) {
			l.Entry(entry(actors.LogKind_LOG_PUBLISHED), &Excuse{Rule: "mute", Value: "until noon"})
		}, "the rule mute says: until noon", "00:00:01"},
		{"unseen", "delivered", nil, func(l *Life) { l.Entry(entry(actors.LogKind_LOG_PUBLISHED), nil) }, "No connection is known to have had it", "00:00:01"},
		{"retracted", "retracted", nil, func(l *Life) {
			l.Entry(entry(actors.LogKind_LOG_PUBLISHED), nil)
			l.Entry(entry(actors.LogKind_LOG_RETRACTED), nil)
		}, "taken back at", "00:00:01"},
		{"gone", "gone", []*actors.Event{accepted}, func(l *Life) { l.Gone() }, "how is no longer in the journal", "00:00:01"},
		{"read", "read", nil, func(l *Life) { l.Here(actors.State_READ, 0, true) }, "The user read it", ""},
	} {
		t.Run(c.state+" "+c.text, func(t *testing.T) {
			l := New(one)
			for _, e := range c.events {
				l.Event(e)
			}
			if c.do != nil {
				c.do(l)
			}
			told[c.state] = true
			if o := l.Outcome(); o.State != c.state || !strings.Contains(o.Text, c.text) {
				t.Errorf("got %+v, want %s and %q", o, c.state, c.text)
			}
			var brief struct{ User, State, At, Rule, Policy string }
			if err := json.Unmarshal(l.AppendBrief(nil, "alice"), &brief); err != nil {
				t.Fatal(err)
			}
			if brief.User != "alice" || brief.State != c.brief || !strings.Contains(brief.At, c.at) || (c.at == "") != (brief.At == "") {
				t.Errorf("in a list: got %+v, want %s at %s", brief, c.brief, c.at)
			}
			if stopped := c.brief == "filtered" || c.brief == "held"; stopped != (brief.Rule != "") && c.brief != "gathered" {
				t.Errorf("the rule %q of %s", brief.Rule, c.brief)
			}
			l.Own()
			all, err := l.AppendJSON(nil, "alice", Reach{})
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"gentle", "fraud", "secret"} {
				if strings.Contains(string(all), secret) {
					t.Errorf("the user is told %s: %s", secret, all)
				}
			}
			if o := l.Outcome(); o.State != c.state || o.Text == "" || strings.Contains(o.Text, ": .") {
				t.Errorf("the user is told %+v", o)
			}
		})
	}
	for _, state := range []string{"unseen", "seen", read, archived, snoozed, scheduled, held, digested, closed, filtered, skipped, retracted, expired, dropped, collapsed, gone} {
		if !told[state] {
			t.Errorf("the outcome %s has no test", state)
		}
	}
}
