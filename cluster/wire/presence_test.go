package wire

import (
	"reflect"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// The question for presence crosses nodes, and so does that nobody sees a
// connection; an older program says nothing of that.
func TestPresenceCrosses(t *testing.T) {
	f, err := EncodeRequest(7, actors.NewRequest(actors.UserKey("shop", "alice"), &actors.Presence{}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeFrame(f, byName("a"))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Message.(*actors.Request); c.ID != 7 || !reflect.DeepEqual(r.Command, &actors.Presence{}) {
		t.Errorf("got %+v, %T", c, r.Command)
	}
	want := []actors.ConnInfo{{ID: "1", Transport: "ws"}, {ID: "2", Transport: "sse", Visible: true}}
	f, err = EncodeFrame(&actors.Described{Gate: actor.NewPID("a", "$1"), Query: 9, Conns: want}, actor.NewPID("b", "$2"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if c, err = DecodeFrame(f, byName("a")); err != nil {
		t.Fatal(err)
	}
	if got := c.Message.(*actors.Described).Conns; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
