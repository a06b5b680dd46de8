package actors

import "testing"

// TestWeight holds that what a request brings counts when it waits: it has a bound in
// bytes.
func TestWeight(t *testing.T) {
	const large = 100 << 10
	payload, text := make([]byte, large), string(make([]byte, large))
	topic := &TopicMessage{Payload: payload}
	for name, c := range map[string]Command{
		"publish":         &Publish{Message: &Message{Content: payload}},
		"edit":            &Edit{Patch: payload},
		"send":            &StartSend{Message: &Message{Content: payload}},
		"send to many":    &StartSend{Message: &Message{}, Users: make([]string, large/64)},
		"mark":            &Mark{IDs: make([]ID, large/16)},
		"queue":           &QueueMessage{Message: topic},
		"retain":          &Retain{Message: topic},
		"open":            &OpenSession{Will: &Will{Message: topic}},
		"change":          &ChangeSession{Change: &SessionChange{Set: []*Subscription{{Filter: text}}}},
		"list":            &List{Next: text},
		"profile":         &SetProfile{Profile: &Profile{Locale: text}},
		"removed":         &SetProfile{Removed: make([]string, large/64)},
		"preferences":     &SetPreferences{Preferences: &Preferences{QuietHours: &QuietHours{Zone: text}}},
		"follow":          &Follow{Topic: text},
		"list of the app": &JoinList{List: text},
		"follows":         &ReadProfile{Next: text},
		"what is stored":  &FetchWaiting{Seqs: make([]uint64, large/9)},
	} {
		if w := Weight(&Request{Command: c}); w < large*9/10 || w > 2*large {
			t.Errorf("%s: %d bytes, want about %d", name, w, large)
		}
	}
}
