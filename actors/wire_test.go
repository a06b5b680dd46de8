package actors

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestWire runs the transcripts in testdata/wire: what clients are sent of each event,
// byte for byte. Ids are of one letter. To take in a wanted change:
// go test ./actors -run '^TestWire$' -rewrite, then read the diff.
func TestWire(t *testing.T) {
	datadriven.Walk(t, "testdata/wire", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "event":
				return wireEvent(t, d)
			case "plain":
				p := PlainEvent(d.CmdArgs[0].Key, Cursor{Lineage: 1, Seq: 9}, []byte(`{"unread":1}`))
				return wireText(t, &p)
			case "message":
				return string(AppendMessage(nil, Shown{Message: wireMessage(t, d), State: wireState(t, d), Until: wireTime(t, d, "until")})) + "\n"
			case "string":
				return string(AppendString(nil, d.Input)) + "\n"
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

func wireEvent(t *testing.T, d *datadriven.TestData) string {
	kind, ok := Kind_value[d.CmdArgs[0].Key]
	if !ok {
		t.Fatalf("%s: no kind %s", d.Pos, d.CmdArgs[0].Key)
	}
	var list, dropped string
	d.MaybeScanArgs(t, "ids", &list)
	d.MaybeScanArgs(t, "dropped", &dropped)
	e := &Event{Kind: Kind(kind), State: wireState(t, d), Until: wireTime(t, d, "until"), Ids: ids(list), Dropped: ids(dropped)}
	if d.HasArg("scheduled") {
		e.State = State_SCHEDULED
	}
	var m *Message
	if d.HasArg("id") {
		m = wireMessage(t, d)
	}
	p, ok := NewPushEvent(e, Shown{Message: m, State: wireState(t, d), Until: e.Until}, Cursor{Lineage: 1, Seq: 9}, []byte(`{"unread":1}`))
	if !ok {
		return "nothing\n"
	}
	return wireText(t, &p)
}

// wireText is the event's JSON, with @9 for its cursor.
func wireText(t *testing.T, p *PushEvent) string {
	t.Helper()
	if !json.Valid(p.JSON) {
		t.Fatalf("%s is no JSON", p.JSON)
	}
	if at, err := ParseCursor(string(p.ID)); err != nil || at != p.To || string(p.Counts) != `{"unread":1}` || !strings.Contains(string(p.JSON), `"type":"`+p.Type+`"`) {
		t.Fatalf("%s: id %s, counts %s, type %s, %v", p.JSON, p.ID, p.Counts, p.Type, err)
	}
	before := string(p.JSON)
	if _ = append(p.ID, "xx"...); string(p.JSON) != before { // whoever appends to a part gets a copy
		t.Fatalf("appending to its id changes %s to %s", before, p.JSON)
	}
	return strings.Replace(before, string(p.ID), fmt.Sprint("@", p.To.Seq), 1) + "\n"
}

func wireMessage(t *testing.T, d *datadriven.TestData) *Message {
	m := &Message{Category: "default", Content: []byte(d.Input), CreatedAt: wireTime(t, d, "at"), ExpiresAt: wireTime(t, d, "expires"), SendAt: wireTime(t, d, "send"), EditedAt: wireTime(t, d, "edited")}
	var id, priority string
	d.ScanArgs(t, "id", &id)
	m.Id = ids(id)
	d.MaybeScanArgs(t, "category", &m.Category)
	d.MaybeScanArgs(t, "tenant", &m.Tenant)
	d.MaybeScanArgs(t, "collapse", &m.CollapseKey)
	d.MaybeScanArgs(t, "priority", &priority)
	var ok bool
	if m.Priority, ok = ParsePriority(priority); !ok {
		t.Fatalf("%s: no priority %s", d.Pos, priority)
	}
	return m
}

func wireState(t *testing.T, d *datadriven.TestData) State {
	word := "unseen"
	d.MaybeScanArgs(t, "state", &word)
	for s := State_UNSEEN; s <= State_SCHEDULED; s++ {
		if s.Word() == word {
			return s
		}
	}
	t.Fatalf("%s: no state %s", d.Pos, word)
	return 0
}

func wireTime(t *testing.T, d *datadriven.TestData, name string) int64 {
	text := ""
	d.MaybeScanArgs(t, name, &text)
	if text == "" {
		return 0
	}
	at, ok := ParseTime(text)
	if !ok {
		t.Fatalf("%s: %s is no time", d.Pos, text)
	}
	return at.UnixMilli()
}
