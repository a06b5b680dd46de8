package actors

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// ids returns packed ids, each of one letter.
func ids(letters string) (packed []byte) {
	for i := range len(letters) {
		packed = append(packed, strings.Repeat(letters[i:i+1], 16)...)
	}
	return packed
}

// letters is the reverse of ids.
func letters(packed []byte) (s string) {
	EachID(packed, func(id ID) { s += string(id[:1]) })
	return s
}

// What is stored is read as it was, also into memory that was used before.
func TestEventsAreReadAsWritten(t *testing.T) {
	used := &Event{}
	for _, e := range []*Event{
		{Kind: Kind_ACCEPTED, Seq: 7, Pos: 3, Rev: 5, At: 9, Lineage: 1 << 63, Message: &Message{Id: ids("a"), Category: "order", Content: []byte(`"title":"x"`)}, Ids: ids("b"), Dropped: ids("cd")},
		{Kind: Kind_MARKED, Seq: 8, State: State_SNOOZED, Until: 10, Ids: ids("ab"), Once: ids("k"), Digest: 4},
		{Kind: Kind_QUEUED, Seq: 9, Topic: &TopicMessage{Topic: "t"}, Queue: []*Queueing{{Client: "c", Waiting: &Waiting{Qos: 1}}}},
		{Kind: Kind_DELIVERED, Seq: 10, Upto: 7, Transport: "sse"},
	} {
		raw := EncodeEvent([]byte("before"), e)
		if string(raw[:6]) != "before" || raw[6] != EventVersion {
			t.Fatalf("%v: stored as %q", e.Kind, raw)
		}
		if err := DecodeEvent(raw[6:], used); err != nil || !proto.Equal(used, e) {
			t.Errorf("got %v, want %v: %v", used, e, err)
		}
		into := &Event{Message: &Message{}, Ids: make([]byte, 0, 64)}
		if err := DecodeInto(raw[6:], into); err != nil || !proto.Equal(into, e) {
			t.Errorf("into memory: got %v, want %v: %v", into, e, err)
		}
	}
}

// An event that this program can't rely on is refused, and says which it is.
func TestEventsThatAreRefused(t *testing.T) {
	for want, e := range map[string]*Event{
		"17 bytes of ids":           {Seq: 4, Kind: Kind_MARKED, Ids: append(ids("a"), 0)},
		"15 bytes of ids":           {Seq: 4, Kind: Kind_EXPIRED, Ids: ids("a"), Dropped: ids("a")[:15]},
		"3 bytes of ids":            {Seq: 4, Kind: Kind_NOTED, Once: []byte("key")},
		"has the state 6":           {Seq: 4, Kind: Kind_MARKED, State: State_SCHEDULED + 1},
		"has the state -1":          {Seq: 4, Kind: Kind_MARKED, State: -1},
		"has no message":            {Seq: 4, Kind: Kind_ACCEPTED},
		"has no message ":           {Seq: 4, Kind: Kind_EDITED, Message: &Message{Id: []byte("short")}},
		"has no id":                 {Seq: 4, Kind: Kind_DUE},
		"names no session":          {Seq: 4, Kind: Kind_SESSION},
		"waits for no session":      {Seq: 4, Kind: Kind_QUEUED, Topic: &TopicMessage{Topic: "t"}},
		"has no message, or":        {Seq: 4, Kind: Kind_QUEUED, Queue: []*Queueing{{Waiting: &Waiting{}}}},
		"not say how its message":   {Seq: 4, Kind: Kind_QUEUED, Topic: &TopicMessage{Topic: "t"}, Queue: []*Queueing{{Client: "c"}}},
		"has a key of 3 bytes":      {Seq: 4, Kind: Kind_SESSION, Session: &SessionChange{Received: []*Incoming{{Once: []byte("key")}}}},
		"event 4 has no message, o": {Seq: 4, Kind: Kind_QUEUED},
	} {
		err := DecodeEvent(EncodeEvent(nil, e), &Event{})
		if err == nil || !strings.Contains(err.Error(), "event 4") || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	for _, raw := range [][]byte{nil, {}, {EventVersion + 1, 0}, {EventVersion, 0xff}} {
		if err := DecodeEvent(raw, &Event{}); err == nil {
			t.Errorf("% x is an event", raw)
		}
	}
}

// What is cleared says nothing any more, and is still what counts are made of.
func TestClearedEvents(t *testing.T) {
	const secret = "secret"
	message := func() *Message {
		return &Message{Id: ids("a"), Category: "order", Tenant: "acme", Priority: Priority_HIGH, Content: []byte(secret), CollapseKey: secret, ExpiresAt: 3, SendAt: 4, CreatedAt: 5, Shared: true, EditedAt: 6}
	}
	topic := &TopicMessage{Topic: secret, Payload: []byte(secret), Attributes: []byte(secret), App: secret, User: secret, Client: secret}
	e := &Event{
		Kind: Kind_ACCEPTED, Seq: 7, Rev: 2, Message: message(), Topic: topic, Ids: ids("b"), Dropped: ids("c"), Once: ids("k"),
		Session: &SessionChange{Client: "c", Opened: true, Will: &Will{Message: topic}},
	}
	shared := e.Message
	e.Clear()
	if raw := string(EncodeEvent(nil, e)); strings.Contains(raw, secret) {
		t.Errorf("it is still in %q", raw)
	}
	want := message()
	want.Content, want.CollapseKey, want.Cleared = nil, "", true
	if !proto.Equal(e.Message, want) || letters(e.Ids) != "b" || letters(e.Dropped) != "c" || letters(e.Once) != "k" || !e.Session.Opened || e.Seq != 7 || e.Rev != 2 {
		t.Errorf("got %v", e)
	}
	if err := DecodeEvent(EncodeEvent(nil, e), &Event{}); err != nil {
		t.Errorf("it can't be read: %v", err)
	}
	if string(shared.Content) != secret {
		t.Error("a message that others may hold is changed")
	}
}

// Of an event whose message is gone remains who had to leave for it; and only events
// that free something arm a sweep.
func TestWhatRemainsOfAnEvent(t *testing.T) {
	for _, c := range []struct {
		name  string
		e     *Event
		want  string // kind and ids; empty: all of it
		frees bool
	}{
		{"accepted", &Event{Kind: Kind_ACCEPTED}, "NOTED ", false},
		{"accepted, one is replaced", &Event{Kind: Kind_ACCEPTED, Ids: ids("b")}, "DROPPED b", true},
		{"accepted, some fell out", &Event{Kind: Kind_ACCEPTED, Ids: ids("b"), Dropped: ids("cd")}, "DROPPED bcd", true},
		{"accepted for later", &Event{Kind: Kind_ACCEPTED, State: State_SCHEDULED, Dropped: ids("c")}, "", true},
		{"due", &Event{Kind: Kind_DUE, Ids: ids("a")}, "NOTED ", false},
		{"due, one is replaced", &Event{Kind: Kind_DUE, Ids: ids("ab")}, "DROPPED b", true},
		{"edited", &Event{Kind: Kind_EDITED}, "NOTED ", true},
		{"edited, some fell out", &Event{Kind: Kind_EDITED, Ids: ids("a"), Dropped: ids("c")}, "DROPPED c", true},
		{"marked", &Event{Kind: Kind_MARKED, Ids: ids("a")}, "", false},
		{"retracted", &Event{Kind: Kind_RETRACTED, Ids: ids("a")}, "", true},
		{"expired", &Event{Kind: Kind_EXPIRED, Ids: ids("a")}, "", true},
		{"a session", &Event{Kind: Kind_SESSION}, "", true},
		{"delivered", &Event{Kind: Kind_DELIVERED}, "", false},
	} {
		c.e.Seq, c.e.Pos = 7, 3
		left := c.e.Remains()
		got := fmt.Sprint(left.Kind, " ", letters(left.Ids))
		if left == c.e {
			got = ""
		}
		if got != c.want || left.Seq != 7 || left.Pos != 3 {
			t.Errorf("%s: %q remains of it, want %q", c.name, got, c.want)
		}
		if c.e.Frees() != c.frees {
			t.Errorf("%s: frees something is %v", c.name, c.e.Frees())
		}
	}
}

// What comes from another node is checked before it is stored.
func TestChecks(t *testing.T) {
	var none *SessionChange
	good := &TopicMessage{App: "a", Topic: "t", Qos: 2, Once: ids("k")}
	for name, c := range map[string]struct {
		err  error
		good bool
	}{
		"no change":                     {none.Check(), false},
		"an empty change":               {(&SessionChange{}).Check(), true},
		"a subscription":                {(&SessionChange{Set: []*Subscription{{Filter: "a/#", Qos: 2}}}).Check(), true},
		"one without a filter":          {(&SessionChange{Set: []*Subscription{{Filter: "a"}, {Qos: 1}}}).Check(), false},
		"one that is nil":               {(&SessionChange{Set: []*Subscription{nil}}).Check(), false},
		"one with QoS 3":                {(&SessionChange{Set: []*Subscription{{Filter: "a", Qos: 3}}}).Check(), false},
		"a received message":            {(&SessionChange{Received: []*Incoming{{Once: ids("k")}}}).Check(), true},
		"one without a key":             {(&SessionChange{Received: []*Incoming{{}}}).Check(), false},
		"a sent message":                {(&SessionChange{Sent: []*Outgoing{{Qos: 2}}}).Check(), true},
		"a sent message with QoS 3":     {(&SessionChange{Sent: []*Outgoing{{Qos: 3}}}).Check(), false},
		"a topic's message":             {good.Check(), true},
		"one of no app":                 {(&TopicMessage{Topic: "t"}).Check(), false},
		"one of no topic":               {(&TopicMessage{App: "a"}).Check(), false},
		"a topic's message with QoS 3":  {(&TopicMessage{App: "a", Topic: "t", Qos: 3}).Check(), false},
		"a topic's message, short key":  {(&TopicMessage{App: "a", Topic: "t", Once: []byte("k")}).Check(), false},
		"no topic's message":            {(*TopicMessage)(nil).Check(), false},
		"no will":                       {(*Will)(nil).Check(), true},
		"a will":                        {(&Will{Message: good}).Check(), true},
		"a will that has no message":    {(&Will{Delay: 1}).Check(), false},
		"a will whose topic is missing": {(&Will{Message: &TopicMessage{App: "a"}}).Check(), false},
	} {
		if (c.err == nil) != c.good {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}
