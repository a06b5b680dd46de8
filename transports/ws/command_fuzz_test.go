package ws

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"reddot/actors"
	"reddot/transports"
)

// FuzzClientFrame checks that every frame gets an answer that is JSON, and is
// refused as invalid or understood.
func FuzzClientFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"read","id":1,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"category":"order","tenant":"acme"}`,
		`{"type":"act","id":7,"message":"01980e2b-6b3c-7c1e-a4b0-0123456789ab","action":"say","reply":"no\u00e9"}`,
		`{"type":"snooze","id":-1,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"until":"2030-01-01T00:00:00Z"}`,
		`{"type":"seen","up_to":"AQAAAAAAAAAHAQA"}`, `{"type":"connect","after":"x"}`, `{"type":"publish","id":7}`,
		`{"type":"subscribe","topic":"news/+"}`, `{"type":"unsubscribe","id":3,"topics":["a","$share/g/b/#"]}`,
		`{"type":"publish","id":4,"topic":"a","payload":{"b":[1,"\u0001"]},"retain":true}`, `{"type":"publish","topic":"a","payload_base64":"/wA="}`,
		`{"type":"visible","visible":false}`, `[]`, `{}`, `{"id":1e3,"type":"ping"}`, `{"type":null}`, `{"type":"ack","cursor":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseCommand(text)
		var answer []byte
		if err != nil {
			e := actors.AsError(err)
			if e.Code != actors.Invalid && e.Code != actors.TooLarge {
				t.Errorf("got %v, want invalid or too large", err)
			}
			answer = appendError(nil, c.id, e)
		} else {
			answer = appendOK(nil, c.id, nil)
			if m := c.message; m != nil && (c.kind != "publish" || transports.CheckTopic(m.Topic) != nil || m.Payload == nil) {
				t.Errorf("%s: got %v", c.kind, m)
			}
			for _, filter := range c.topics {
				if err := transports.CheckFilter(filter); err != nil {
					t.Error(err)
				}
			}
			if (kinds[c.kind].marks || c.kind == "act") != (c.ask != nil) {
				t.Errorf("%s: got %v", c.kind, c.ask)
			}
			if err := json.Unmarshal(text, &map[string]json.RawMessage{}); err != nil {
				t.Errorf("took what encoding/json refuses: %v", err)
			}
		}
		payload := answer[2:]
		if answer[1] == 126 {
			payload = answer[4:]
		}
		if !json.Valid(payload) || !utf8.Valid(payload) {
			t.Errorf("the answer %q is no JSON", payload)
		}
	})
}
