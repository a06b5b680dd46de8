package event

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestEvent(t *testing.T) {
	var e Event
	in := `{"x":[{"body":1}],"type":"message","cursor":"c1","message":{"data":{"body":"no"},"body":"yes","n":1.5e3},"counts":{"unread":3,"unseen":-2,"by_category":{"unread":9},"rev":918,"cursor":"c0"}}`
	if err := Parse([]byte(in), &e); err != nil {
		t.Fatal(err)
	}
	if string(e.Kind) != "message" || string(e.Cursor) != "c1" || string(e.Body) != "yes" || e.Counts != (Counts{Unread: 3, Unseen: -2, Rev: 918, Known: true}) {
		t.Errorf("got %q %q %q %+v", e.Kind, e.Cursor, e.Body, e.Counts)
	}
	var a Answer
	if err := ParseAnswer([]byte(`{"unread":1,"unseen":2,"by_category":{},"rev":3,"cursor":"c"}`), &a); err != nil || a.Counts != (Counts{1, 2, 3, true}) {
		t.Errorf("got %+v, %v", a, err)
	}
}

// FuzzEvent: valid JSON reads as encoding/json reads it, and other bytes end.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type":"message","message":{"body":"x"},"counts":{"unread":1,"unseen":1,"rev":2}}`))
	f.Add([]byte(`{"type":"a","counts":{},"x":[1,{"y":null}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		var a Answer
		err := Parse(b, &e)
		_ = ParseAnswer(b, &a)
		var want struct {
			Type   json.RawMessage `json:"type"`
			Cursor json.RawMessage `json:"cursor"`
		}
		if !json.Valid(b) || b[0] != '{' || json.Unmarshal(b, &want) != nil || bytes.Contains(b, []byte(`\u`)) {
			return
		}
		var keys map[string]json.RawMessage
		_ = json.Unmarshal(b, &keys)
		if kind := keys["type"]; len(kind) > 2 && kind[0] == '"' && bytes.Count(b, []byte(`"type"`)) == 1 {
			if err != nil || string(e.Kind) != string(kind[1:len(kind)-1]) {
				t.Fatalf("got %q, %v; want %s", e.Kind, err, kind)
			}
		}
	})
}
