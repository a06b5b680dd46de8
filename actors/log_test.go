package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

func entryAt(pos uint64, at int64, content string) *LogEntry {
	id := ID{byte(pos)}
	return &LogEntry{Kind: LogKind_LOG_PUBLISHED, Pos: pos, At: at, Audience: &Audience{All: true},
		Message: &Message{Id: id[:], Category: "c", Content: []byte(content)}}
}

// TestLog extends a log by one entry after the other, reads spans of it, and forgets what
// is old. Who reads it meanwhile keeps what it has.
func TestLog(t *testing.T) {
	l := NewLog(10, nil)
	for pos := uint64(11); pos <= 200; pos++ {
		if l.Extend(entryAt(pos+1, 0, "")) == nil {
			t.Fatalf("took entry %d behind %d", pos+1, l.Head())
		}
		if l.Extend(entryAt(pos, int64(pos), fmt.Sprint("text ", pos))) != nil || l.Head() != pos {
			t.Fatalf("did not take entry %d", pos)
		}
	}
	span := l.Between(5, 12)
	if len(span) != 2 || span[0].Pos != 11 || span[0].Message.Content != nil || span[0].ContentSize() != 7 {
		t.Errorf("got %v", span)
	}
	if l.Between(200, 300) != nil || len(l.Between(198, 300)) != 2 {
		t.Error("beyond the head there is something, or too little before it")
	}
	if m := l.Content(200); string(m.GetContent()) != "text 200" {
		t.Errorf("got %v", m)
	}
	if l.Content(200-recentEntries+1) == nil || l.Content(200-recentEntries) != nil {
		t.Errorf("not the last %d contents are at hand", recentEntries)
	}
	l.TrimBefore(150)
	if l.Floor() != 149 || l.Head() != 200 || len(l.Between(0, 151)) != 2 || len(span) != 2 || span[1].Pos != 12 {
		t.Errorf("from %d to %d", l.Floor(), l.Head())
	}
	l.TrimBefore(1000)
	if l.Floor() != 200 || l.Head() != 200 || l.Content(200) != nil || l.Extend(entryAt(201, 1000, "x")) != nil {
		t.Errorf("from %d to %d", l.Floor(), l.Head())
	}
}

// TestLogBytes keeps no more contents at hand than it may.
func TestLogBytes(t *testing.T) {
	l := NewLog(0, nil)
	for pos := uint64(1); pos <= 10; pos++ {
		if err := l.Extend(entryAt(pos, 0, string(make([]byte, recentBytes/4)))); err != nil {
			t.Fatal(err)
		}
	}
	if l.Content(7) == nil || l.Content(6) != nil {
		t.Error("not the last four contents are at hand")
	}
}

// TestLogEntries reads entries as they are written, and refuses what is none.
func TestLogEntries(t *testing.T) {
	e := entryAt(3, 5, "text")
	e.Once, e.Digest = make([]byte, 16), 9
	e.Holds, e.Says, e.Excerpt = true, 7, []byte(`"title":"t"`)
	got, err := DecodeLogEntry(EncodeLogEntry(e))
	if err != nil || !proto.Equal(got, e) {
		t.Fatalf("got %v, %v", got, err)
	}
	c := got.Cleared(false)
	if string(c.Excerpt) != string(e.Excerpt) || c.Says != 7 || !c.Holds {
		t.Errorf("got %v", c)
	}
	c = got.Cleared(true)
	if len(c.Message.Content) != 0 || !c.Message.Cleared || c.ContentSize() != 4 || c.Digest != 9 || len(c.Excerpt) != 0 || got.Message.Cleared {
		t.Errorf("got %v", c)
	}
	for name, bad := range map[string]*LogEntry{
		"no message":   {Kind: LogKind_LOG_PUBLISHED, Audience: &Audience{All: true}},
		"no id":        {Kind: LogKind_LOG_RETRACTED, Audience: &Audience{All: true}},
		"kind":         {Kind: 99, Audience: &Audience{All: true}},
		"no audience":  {Kind: LogKind_LOG_RETRACTED, Id: make([]byte, 16)},
		"two in one":   {Kind: LogKind_LOG_RETRACTED, Id: make([]byte, 16), Audience: &Audience{All: true, Topic: "t"}},
		"a short once": {Kind: LogKind_LOG_RETRACTED, Id: make([]byte, 16), Audience: &Audience{All: true}, Once: []byte{1}},
	} {
		if _, err := DecodeLogEntry(EncodeLogEntry(bad)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, raw := range []string{"", "\x02", "\x01\xff"} {
		if _, err := DecodeLogEntry([]byte(raw)); err == nil {
			t.Errorf("%q: taken", raw)
		}
	}
}

// TestSegmentsAreCompiledOnce: an entry for a segment has what was made of its expression,
// where it lets somebody see the message; one that can't be read is not taken.
func TestSegmentsAreCompiledOnce(t *testing.T) {
	compiled := 0
	l := NewLog(0, func(where string) (any, error) {
		if compiled++; where == "new" {
			return nil, errors.New("a function of a newer program")
		}
		return where + " compiled", nil
	})
	of := func(kind LogKind, hidden bool, where string) error {
		e := entryAt(l.Head()+1, 0, "text")
		e.Kind, e.Hidden, e.Id = kind, hidden, e.Message.Id
		e.Audience = &Audience{Segment: &Segment{Name: "vip", Version: 3, Where: where}}
		return l.Extend(e)
	}
	for _, e := range []struct {
		kind   LogKind
		hidden bool
	}{{LogKind_LOG_PUBLISHED, true}, {LogKind_LOG_EDITED, true}, {LogKind_LOG_DUE, false}, {LogKind_LOG_EDITED, false}, {LogKind_LOG_RETRACTED, false}, {LogKind_LOG_PUBLISHED, false}} {
		if err := of(e.kind, e.hidden, "a"); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range l.Between(0, 9) {
		want := any(nil)
		if e.Pos == 3 || e.Pos == 6 {
			want = "a compiled"
		}
		if e.Segment != want {
			t.Errorf("entry %d has %v, want %v", e.Pos, e.Segment, want)
		}
	}
	if err := of(LogKind_LOG_PUBLISHED, false, "new"); err == nil || !strings.Contains(err.Error(), "segment vip, version 3") || l.Head() != 6 || compiled != 3 {
		t.Errorf("got %v, and the log ends at %d", err, l.Head())
	}
}

// TestAudience holds which audiences may be stored, and how they are shown.
func TestAudience(t *testing.T) {
	for _, c := range []struct {
		audience *Audience
		want     string
	}{
		{&Audience{All: true}, `{"all":true}`},
		{&Audience{Topic: "a/\""}, "{\"topic\":\"a/\\\"\"}"},
		{&Audience{List: "friends"}, `{"list":"friends"}`},
		{&Audience{Segment: &Segment{Name: "vip", Version: 3, Where: "'x' in tags"}}, `{"segment":"vip","version":3}`},
		{&Audience{All: true, Newcomers: true}, `{"all":true,"since":"publish"}`},
		{&Audience{Newcomers: true}, ""},
		{&Audience{}, ""}, {nil, ""}, {&Audience{All: true, List: "l"}, ""}, {&Audience{Topic: "t", Segment: &Segment{Name: "vip", Version: 3, Where: "x"}}, ""},
		{&Audience{Segment: &Segment{Version: 3, Where: "x"}}, ""}, {&Audience{Segment: &Segment{Name: "vip", Where: "x"}}, ""}, {&Audience{Segment: &Segment{Name: "vip", Version: 3}}, ""},
	} {
		if err := c.audience.Check(); (err == nil) != (c.want != "") {
			t.Errorf("%v: got %v", c.audience, err)
		} else if err == nil && string(c.audience.AppendJSON(nil)) != c.want {
			t.Errorf("got %s, want %s", c.audience.AppendJSON(nil), c.want)
		}
	}
}

// TestOpen holds what of a log is for those who join later, as of where they join.
func TestOpen(t *testing.T) {
	l := NewLog(0, nil)
	var ids [][]byte
	add := func(kind LogKind, newcomers bool, of int, at int64) {
		t.Helper()
		e := entryAt(l.Head()+1, at, "x")
		if e.Audience = (&Audience{All: true, Newcomers: newcomers}); kind == LogKind_LOG_PUBLISHED {
			id := NewID()
			ids = append(ids, id[:])
			e.Message.Id = id[:]
		} else {
			e.Kind, e.Message, e.Id = kind, nil, ids[of]
		}
		if err := l.Extend(e); err != nil {
			t.Fatal(err)
		}
	}
	open := func(after, upto uint64, want ...uint64) {
		t.Helper()
		var got []uint64
		for _, e := range l.Open(after, upto) {
			got = append(got, e.Pos)
		}
		if !slices.Equal(got, want) {
			t.Errorf("open behind %d, up to %d: got %v, want %v", after, upto, got, want)
		}
	}
	first := func(since int64, want uint64) {
		t.Helper()
		if got := l.FirstOpen(since); got != want {
			t.Errorf("the first since %d is %d, want %d", since, got, want)
		}
	}
	first(0, 0)
	add(LogKind_LOG_PUBLISHED, false, 0, 10)
	first(0, 0)
	add(LogKind_LOG_PUBLISHED, true, 0, 20)
	add(LogKind_LOG_PUBLISHED, true, 0, 30)
	first(0, 2)
	first(21, 3)
	add(LogKind_LOG_RETRACTED, true, 1, 40)
	open(0, 3, 2, 3)
	open(0, 4, 3)
	open(2, 3, 3)
	first(0, 3)
	first(31, 0)
	l.TrimBefore(21)
	open(0, 4, 3)
	l.TrimBefore(100)
	open(0, 4)
	first(0, 0)
}

// FuzzLogEntry: whatever the bytes are, they are an entry that may be stored, or an error.
func FuzzLogEntry(f *testing.F) {
	f.Add(EncodeLogEntry(entryAt(1, 2, "text")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := DecodeLogEntry(raw)
		if err != nil {
			return
		}
		if again, err := DecodeLogEntry(EncodeLogEntry(e)); err != nil || again.Pos != e.Pos {
			t.Fatalf("%v: %v", e, err)
		}
	})
}

// What most show of a broadcast is encoded once, and what others show is not it.
func TestShownOnce(t *testing.T) {
	l := NewLog(0, nil)
	if err := l.Extend(entryAt(1, 0, "text 1")); err != nil {
		t.Fatal(err)
	}
	first, ok := l.Show(1, Shown{})
	again, _ := l.Show(1, Shown{})
	if !ok || &first.json[0] != &again.json[0] {
		t.Error("the message was encoded twice")
	}
	for _, want := range []Shown{{State: State_UNSEEN}, {State: State_READ}, {State: State_SNOOZED, Until: 5000}, {Acted: &Acted{Action: "yes"}}} {
		m, _ := l.Show(1, want)
		want.Message = l.Content(1)
		if got, want := m.appendTo(nil), AppendMessage(nil, want); string(got) != string(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, ok := l.Show(2, Shown{}); ok {
		t.Error("an entry that is not at hand is shown")
	}
}
