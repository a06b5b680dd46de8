package user_test

import (
	"strings"
	"testing"

	"reddot/actors"
)

// TestNames pages through what a user follows and the lists that it is in, which its
// export shows too.
func TestNames(t *testing.T) {
	e := newErasable(t)
	for _, name := range []string{"c", "a", "b"} {
		e.ask(&actors.Follow{Topic: "t/" + name}, "")
		e.ask(&actors.JoinList{List: "l-" + name}, "")
	}
	e.ask(&actors.JoinList{List: "l-d"}, "k")
	e.ask(&actors.JoinList{List: "l-d", Leave: true}, "l")
	if r := e.ask(&actors.JoinList{List: "l-d"}, "k"); !r.Answer.Replayed {
		t.Error("a repeat is done again")
	}
	read := func(part actors.ProfilePart, next string) string {
		t.Helper()
		return string(e.ask(&actors.ReadProfile{Part: part, Limit: 2, Next: next}, "").Answer.Body)
	}
	for part, want := range map[actors.ProfilePart][2]string{
		actors.PartFollows: {`{"follows":["t/a","t/b"],"next":"dC9i"}`, `{"follows":["t/c"]}`},
		actors.PartLists:   {`{"lists":["l-a","l-b"],"next":"bC1i"}`, `{"lists":["l-c"]}`},
	} {
		first := read(part, "")
		next := strings.TrimSuffix(first[strings.LastIndex(first, ":")+2:], `"}`)
		if got := [2]string{first, read(part, next)}; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(e.ask(&actors.Export{}, "").Answer.Body); !strings.Contains(got, `"lists":["l-a","l-b","l-c"]`) {
		t.Errorf("the export is %s", got)
	}
}
