package mqtt

import (
	"bytes"
	"encoding/json"
	"testing"

	"reddot/actors"
	"reddot/transports"
)

// FuzzRead holds that what a client publishes to users/{user}/read is
// understood or refused as invalid.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"all":true}`, `{"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"category":"a","tenant":"b"}`, `{"up_to":"AQAAAAAAAAAHAQA"}`, `{}`, `[]`, `{"all":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := parseRead(payload)
		switch {
		case err != nil && err.Code != actors.Invalid && err.Code != actors.TooLarge:
			t.Errorf("got %v", err)
		case err == nil && (m.To != actors.MarkRead || len(m.IDs) > transports.MaxMarkIDs):
			t.Errorf("got %v", m)
		case err == nil && !json.Valid(payload):
			t.Error("took what is no JSON")
		}
	})
}

// FuzzEvent holds that an event's parts come back as they went in, and that
// nothing else is taken for one.
func FuzzEvent(f *testing.F) {
	f.Add([]byte("c"), []byte(`{"unread":1}`), []byte(`{"title":"a\"}{"}`))
	f.Fuzz(func(t *testing.T, cursor, counts, message []byte) {
		var v map[string]any
		if json.Unmarshal(message, &v) != nil || len(v) == 0 {
			message = []byte(`{"a":"}"}`)
		}
		message = bytes.TrimSpace(message)
		e := actors.PushEvent{Type: "message", ID: cursor, Counts: counts, JSON: bytes.Join([][]byte{[]byte(`{"type":"message","cursor":"c","message":`), message, []byte(`,"counts":{}}`)}, nil)}
		b := format{}.AppendPush(nil, &actors.Push{Events: []actors.PushEvent{e}})
		got, rest, ok := cutEvent(b)
		if !ok || len(rest) > 0 || !bytes.Equal(got.cursor, cursor) || !bytes.Equal(got.counts, counts) || !bytes.Equal(got.message, message) {
			t.Errorf("got %q, %v", got, ok)
		}
		_, _, _ = cutEvent(message)
	})
}
