package longpoll

import (
	"testing"

	"reddot/actors"
)

func TestFormat(t *testing.T) {
	to := actors.Cursor{Lineage: 1, Seq: 2}
	p := &actors.Push{To: to, More: true, Events: []actors.PushEvent{
		{JSON: []byte(`{"a":1}`), Counts: []byte(`{"unread":1}`)}, {JSON: []byte(`{"b":2}`), Counts: []byte(`{"unread":2}`)}}}
	want := `{"events":[{"a":1},{"b":2}],"counts":{"unread":2},"cursor":"` + to.String() + `","more":true}`
	if got := string((Format{}).AppendPush(nil, p)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p = &actors.Push{To: to, Events: []actors.PushEvent{{JSON: []byte(`{"type":"drain"}`)}}}
	want = `{"events":[{"type":"drain"}],"cursor":"` + to.String() + `"}`
	if got := string((Format{}).AppendPush(nil, p)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (Format{}).AppendPush(nil, &actors.Push{To: to}); len(got) > 0 {
		t.Errorf("no events: got %s", got)
	}
}

func TestTextFormat(t *testing.T) {
	message := func(body string) actors.PushEvent {
		return actors.PushEvent{Type: "message", JSON: []byte(`{"message":{"body":"` + body + `"}}`)}
	}
	p := &actors.Push{Events: []actors.PushEvent{message("one"), message(`two\r\nlines`), {Type: "state"}}}
	if got := string((TextFormat{}).AppendPush(nil, p)); got != "two\r\nlines" {
		t.Errorf("got %q", got)
	}
}
