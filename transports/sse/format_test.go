package sse

import (
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

func push(events ...actors.PushEvent) *actors.Push { return &actors.Push{Events: events} }

func TestFormat(t *testing.T) {
	long := `{"type":"message","message":{"body":"` + strings.Repeat("ü", 32<<10) + `"}}`
	for name, test := range map[string]struct {
		push *actors.Push
		want string
	}{
		"one": {push(actors.PushEvent{Type: "counts", ID: []byte("c1"), JSON: []byte(`{"a":1}`)}),
			"id: c1\nevent: counts\ndata: {\"a\":1}\n\n"},
		"two": {push(actors.PushEvent{Type: "state", ID: []byte("c1"), JSON: []byte(`{}`)}, actors.PushEvent{Type: "update", ID: []byte("c2"), JSON: []byte(`{}`)}),
			"id: c1\nevent: state\ndata: {}\n\nid: c2\nevent: update\ndata: {}\n\n"},
		"no id":       {push(actors.PushEvent{Type: "drain", JSON: []byte(`{}`)}), "event: drain\ndata: {}\n\n"},
		"none":        {push(), ""},
		"white space": {push(actors.PushEvent{Type: "message", JSON: []byte("{\r\n\"a\":\n1}")}), "event: message\ndata: {  \"a\": 1}\n\n"},
		"long":        {push(actors.PushEvent{Type: "message", JSON: []byte(long)}), "event: message\ndata: " + long + "\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string((Format{}).AppendPush([]byte("x"), test.push)); got != "x"+test.want {
				t.Errorf("got  %.200q\nwant %.200q", got, test.want)
			}
		})
	}
	if got := string((Format{}).AppendBeat(nil)); got != ":\n\n" {
		t.Errorf("beat: got %q", got)
	}
}

func TestTextFormat(t *testing.T) {
	for body, want := range map[string]string{
		`hello`:     "data: hello\n",
		``:          "data: \n",
		`a\nb`:      "data: a\ndata: b\n",
		`a\rb`:      "data: a\ndata: b\n",
		`a\r\nb`:    "data: a\ndata: b\n",
		`a\n\r\nb`:  "data: a\ndata: \ndata: b\n",
		`a\n`:       "data: a\ndata: \n",
		` grüße 😀 `: "data:  grüße 😀 \n",
		`id: x`:     "data: id: x\n",
	} {
		p := push(actors.PushEvent{Type: "counts", JSON: []byte(`{}`)},
			actors.PushEvent{Type: "message", ID: []byte("c"), JSON: []byte(`{"message":{"body":"` + body + `"}}`)})
		if got := string((TextFormat{}).AppendPush(nil, p)); got != "id: c\n"+want+"\n" {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
}

func TestBanned(t *testing.T) {
	var b banned
	now := time.Unix(1000, 0)
	alice := banKey{"udefault/alice", "user:alice"}
	if b.has(alice, now) {
		t.Error("banned before")
	}
	b.add(alice, now)
	if !b.has(alice, now.Add(banTime-1)) || b.has(alice, now.Add(banTime)) {
		t.Error("not banned for banTime")
	}
	for i := range maxBans {
		b.add(banKey{principal: strings.Repeat("x", i)}, now)
	}
	if b.has(alice, now) || len(b.until) != maxBans || len(b.order) != maxBans {
		t.Errorf("got %d bans, want the last %d", len(b.until), maxBans)
	}
}
