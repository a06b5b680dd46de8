package inbox

import (
	"fmt"
	"reflect"
	"testing"
)

// outlined merges what the log has since into an outline of the inbox, as a user does who
// dozes. What it returns is called when the inbox has merged the same: both must have come
// to the same, if the outline says that it can tell.
func (x *trial) outlined() (compare func()) {
	if x.outline == nil || x.outline.seq != x.b.seq {
		x.outline = x.b.Outline()
	}
	o, scratch := x.outline, New()
	if o == nil {
		return func() {}
	}
	before := fmt.Sprintf("%+v", *o)
	news, ok := o.MergeUpTo(x.known, x.known.Head(), x.moment(), &x.limits, scratch)
	if !ok {
		if after := fmt.Sprintf("%+v", *o); after != before {
			x.t.Fatalf("an outline that gives up has changed from %s to %s", before, after)
		}
		x.outline = nil
		return func() {}
	}
	x.outlines += len(news)
	counts := string(scratch.AppendCounts(nil))
	return func() {
		if x.b.seq != o.seq { // it is overfull, and a message has left since
			return
		}
		if want := string(x.b.AppendCounts(nil)); !o.Agrees(x.b) || counts != want || int(o.messages) != len(x.b.entries) || o.content != x.b.content || o.pos != x.b.pos {
			x.t.Fatalf("the outline %+v has %s, want %s", *o, counts, want)
		}
	}
}

// TestOutlineFields holds the outline against what an inbox consists of: a new field is
// either in the outline, or no merge and no count rests on it.
func TestOutlineFields(t *testing.T) {
	without := map[string]string{
		"posFloor": "only who loads asks what cursors reach", "displaced": "nothing is displaced unless a message is",
		"deliveredUpTo": "only an event changes it", "deliveredPos": "likewise", "keys": "a merge has none", "history": "it frees only contents of messages that are there",
		"Sessions": "who has any has no outline", "entries": "the messages",
		"Book": "who merges brings it", "Left": "nothing that is broadcast has a quota", "pending": "what waits takes the inbox", "asides": "what is put aside takes the inbox", "unarmed": "likewise",
		"joined": "who is joining has no outline", "open": "only an event lets a user join",
	}
	b := reflect.TypeFor[Inbox]()
	full := New()
	for i := range b.NumField() {
		f := reflect.ValueOf(full).Elem().Field(i)
		f = reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem() // it is not exported
		switch f.Kind() {
		case reflect.Uint64, reflect.Uint32:
			f.SetUint(uint64(i + 1))
		case reflect.Int64:
			f.SetInt(int64(i + 1))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		}
	}
	full.Sessions.List, full.Sessions.Yielded, full.entries, full.joined = nil, nil, nil, 0
	o, got := full.Outline(), New()
	if o == nil {
		t.Fatal("got no outline")
	}
	o.unfold(got)
	for i := range b.NumField() {
		name := b.Field(i).Name
		same := fmt.Sprint(reflect.ValueOf(*full).Field(i)) == fmt.Sprint(reflect.ValueOf(*got).Field(i))
		if _, ok := without[name]; !ok && !same {
			t.Errorf("an outline forgets Inbox.%s", name)
		}
	}
}
