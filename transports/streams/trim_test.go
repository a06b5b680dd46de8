package streams

import "testing"

func TestTrimmer(t *testing.T) {
	var trim trimmer
	for i, step := range []struct {
		connections int
		want        bool
	}{
		{0, false}, {0, false}, {0, false}, {0, false},
		{500, false}, {500, false}, {500, false}, {500, false}, // few
		{9_000, false}, {17_000, false}, // still growing
		{17_100, false}, {17_200, false}, {17_100, true}, {17_100, false}, // once
		{18_000, false}, {18_000, false}, {18_000, false}, {18_000, false}, // not much more
		{60_000, false}, {60_000, false}, {60_000, false}, {60_000, true},
		{100, false}, {100, false}, {100, false}, {100, false}, // gone
		{17_000, false}, {17_000, false}, {17_000, false}, {17_000, true}, // and back
	} {
		if got := trim.look(step.connections); got != step.want {
			t.Errorf("look %d at %d connections: got %v, want %v", i, step.connections, got, step.want)
		}
	}
}
