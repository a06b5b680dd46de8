package topic

import (
	"fmt"
	"slices"
	"testing"

	"reddot/actors"
)

// A keeper is a Router that stands for the actors of what topics retain: each has some
// topics and tells of at most two at a time.
type keeper struct {
	actors.Router
	kept  map[actors.Key][]*actors.TopicMessage
	asked int
	fails bool
}

func (k *keeper) Send(key actors.Key, m any) {
	k.asked++
	r := m.(*actors.Request)
	c := r.Command.(*actors.Retained)
	for _, m := range k.kept[key] {
		if m.Topic <= c.After || !actors.MatchTopic(c.Filter, m.Topic) {
			continue
		}
		if r.Answer.More = len(r.Answer.Messages) == 2; r.Answer.More {
			break
		}
		r.Answer.Messages = append(r.Answer.Messages, m)
	}
	if k.fails {
		r.Fail(actors.ErrNotOwner)
		return
	}
	r.Respond()
}

func newKeeper(n, size int) (*keeper, *Broker, []string) {
	k := &keeper{kept: map[actors.Key][]*actors.TopicMessage{}}
	var topics []string
	for i := range n {
		topic := fmt.Sprintf("a/%03d", i)
		topics = append(topics, topic)
		key := actors.RetainedKey("app", topic)
		k.kept[key] = append(k.kept[key], &actors.TopicMessage{Topic: topic, Payload: make([]byte, size)})
	}
	return k, New(&actors.Home{Router: k}), topics
}

// TestRetainedOfAllParts: what the parts of an app retain is told as one list in the
// order of the topics, each once, and no page is larger than it may be, whatever each
// part tells at a time.
func TestRetainedOfAllParts(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "large": actors.RetainedPageBytes / 3, "larger than a page": actors.RetainedPageBytes} {
		t.Run(name, func(t *testing.T) {
			k, b, want := newKeeper(100, size)
			var got []string
			for after, more := "", true; more; {
				b.Retained("app", "a/+", after, func(p RetainedPage) {
					held := 0
					for _, m := range p.Messages {
						got, held = append(got, m.Topic), held+m.Held()
					}
					if len(p.Messages) > actors.RetainedPageMessages || len(p.Messages) > 1 && held > actors.RetainedPageBytes {
						t.Errorf("a page of %d messages and %d bytes", len(p.Messages), held)
					}
					if more = p.More; more && len(p.Messages) == 0 {
						t.Fatal("an empty page, and more behind it: it has no end")
					}
					after = got[max(0, len(got)-1)]
				})
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d topics, want %d in their order: %v", len(got), len(want), got)
			}
			if k.asked < 2*actors.RetainedShards {
				t.Errorf("only %d questions: the pages were not put together", k.asked)
			}
		})
	}
}

// TestRetainedOfOneTopic: a filter without wildcards asks the one part that its topic is in.
func TestRetainedOfOneTopic(t *testing.T) {
	k, b, _ := newKeeper(100, 10)
	b.Retained("app", "a/007", "", func(p RetainedPage) {
		if len(p.Messages) != 1 || p.Messages[0].Topic != "a/007" || p.More || p.Err != nil {
			t.Errorf("got %+v", p)
		}
	})
	b.Retained("other", "a/007", "", func(p RetainedPage) {
		if len(p.Messages) != 0 {
			t.Errorf("another app's: got %+v", p)
		}
	})
	if k.asked != 2 {
		t.Errorf("asked %d parts for two topics", k.asked)
	}
}

// TestRetainedFails: if one part can't tell, the page says so rather than being short.
func TestRetainedFails(t *testing.T) {
	k, b, _ := newKeeper(10, 10)
	k.fails = true
	for _, filter := range []string{"a/+", "a/007"} {
		var err *actors.Error
		b.Retained("app", filter, "", func(p RetainedPage) { err = p.Err })
		if err == nil || err.Code != actors.Unavailable {
			t.Errorf("%s: got %v", filter, err)
		}
	}
}
