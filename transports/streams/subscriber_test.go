package streams

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"reddot/actors"
)

// FuzzTopicEvent: every message's event is JSON in UTF-8 and brings the bytes of
// its payload.
func FuzzTopicEvent(f *testing.F) {
	for _, s := range []string{"on", `{"a":1}`, `[1,2`, "[\r\n]", "\xff", `"quoted"`, "\u2028</script>", "{\"a\":\"\xff\"}", ""} {
		f.Add("news/a", []byte(s))
	}
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		if !utf8.ValidString(topic) {
			return // nobody can publish to it
		}
		event := appendTopic(nil, &actors.TopicMessage{Topic: topic, Payload: payload}, len(payload) > 3)
		var e struct {
			Type, Topic string
			Payload     json.RawMessage
			Base64      *string `json:"payload_base64"`
			Retained    bool
		}
		if err := json.Unmarshal(event, &e); err != nil || !utf8.Valid(event) || e.Type != "topic" || e.Topic != topic || e.Retained != (len(payload) > 3) {
			t.Fatalf("%q: %v", event, err)
		}
		var got []byte
		var text string
		switch {
		case e.Base64 != nil:
			got, _ = base64.StdEncoding.DecodeString(*e.Base64)
		case json.Unmarshal(e.Payload, &text) == nil:
			got = []byte(text)
		default:
			got = e.Payload
			payload = bytes.TrimRight(payload, " \t\r\n") // RawMessage leaves it out
		}
		if !bytes.Equal(got, payload) {
			t.Errorf("got %q, want %q, of %s", got, payload, event)
		}
	})
}
