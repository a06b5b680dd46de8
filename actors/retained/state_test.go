package retained

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

func TestRetainedState(t *testing.T) {
	s := newRetained()
	seq := uint64(0)
	retain := func(topic, payload string, expires int64) {
		seq++
		m := &actors.TopicMessage{Topic: topic, Payload: []byte(payload), User: "alice", ExpiresAt: expires}
		if err := s.replay(encodeRetained(&actors.RetainedEvent{Seq: seq, Message: m})); err != nil {
			t.Fatal(err)
		}
	}
	retain("a", "1", 0)
	retain("a/b", "2", 100)
	retain("c", "3", 0)
	retain("c", "", 0)
	other := newRetained()
	if err := other.restore(s.snapshot(0, &actors.Limits{})); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*retained{s, other} {
		if one.seq != 4 || one.of["alice"].n != 2 {
			t.Errorf("got seq %d and %v", one.seq, one.of)
		}
		var topics []string
		for _, m := range matching(one, "a/#", 99) {
			topics = append(topics, m.Topic)
		}
		slices.Sort(topics)
		if want := []string{"a", "a/b"}; !reflect.DeepEqual(topics, want) {
			t.Errorf("got %v, want %v", topics, want)
		}
		if got := matching(one, "a/b", 100); len(got) != 0 {
			t.Errorf("got %v, which has expired", got)
		}
	}
	if err := s.replay(encodeRetained(&actors.RetainedEvent{Seq: 9, Message: &actors.TopicMessage{}})); err == nil {
		t.Error("a gap in the journal was not seen")
	}
}

// matching returns all that topics retain which a filter matches, page by page.
func matching(s *retained, filter string, now int64) (all []*actors.TopicMessage) {
	c := &actors.Retained{Filter: filter}
	for {
		page, more := s.matching(c, now, &actors.Limits{})
		if all = append(all, page...); !more {
			return all
		}
		c = &actors.Retained{Filter: filter, After: page[len(page)-1].Topic}
	}
}

// What topics retain comes in pages, in the order of the topics, each message
// once, whatever its filter; and not beyond the bytes of its user and its app.
func TestRetainedPages(t *testing.T) {
	s, want := newRetained(), []string{}
	for i := range 1000 {
		topic := fmt.Sprintf("a/%04d/b", i)
		want = append(want, topic)
		s.apply(&actors.RetainedEvent{Message: &actors.TopicMessage{Topic: topic, Payload: make([]byte, 1+i*7%3000), User: "alice"}})
	}
	s.apply(&actors.RetainedEvent{Message: &actors.TopicMessage{Topic: "a", Payload: []byte("x"), User: "alice"}})
	for filter, want := range map[string][]string{"a/+/b": want, "+/+/b": want, "a/#": append([]string{"a"}, want...), "#": append([]string{"a"}, want...), "a/0007/+": want[7:8], "b/#": nil} {
		var got []string
		for _, m := range matching(s, filter, 1) {
			got = append(got, m.Topic)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %d topics, want %d in their order", filter, len(got), len(want))
		}
	}
	page, more := s.matching(&actors.Retained{Filter: "#"}, 1, &actors.Limits{})
	if size := 0; !more || len(page) > actors.RetainedPageMessages {
		t.Errorf("a page has %d messages, more %v", len(page), more)
	} else {
		for _, m := range page {
			size += m.Held()
		}
		if size > actors.RetainedPageBytes {
			t.Errorf("a page has %d bytes", size)
		}
	}
	l := actors.Limits{RetainedLimits: actors.RetainedLimits{Retained: 1 << 20, RetainedBytes: 3000, RetainedOfUser: s.size * actors.RetainedShards, RetainedOfApp: s.size * actors.RetainedShards}}
	m := &actors.TopicMessage{Topic: "new", Payload: make([]byte, s.size/4), User: "alice"}
	if err := s.refused(m, nil, &l); err == nil || err.Code != actors.TooMany || !strings.Contains(err.Detail, "bytes of one user") {
		t.Errorf("beyond the user's bytes: got %v", err)
	}
	if m.User = "bob"; s.refused(m, nil, &l) == nil {
		l.RetainedOfApp /= 2
		if s.refused(m, nil, &l) == nil {
			t.Error("beyond the app's bytes it is taken")
		}
	}
	old := &actors.TopicMessage{Topic: "old", Payload: []byte("x"), At: 1}
	if l.RetainedAge = time.Hour; !old.IsOver(2+time.Hour.Milliseconds(), &l) || old.IsOver(time.Hour.Milliseconds(), &l) {
		t.Error("what is older than its age is retained, or what is not, is not")
	}
}
