package places

import (
	"testing"

	"reddot/actors"
)

// TestPlaces: an app that holds all of its places keeps none from another.
func TestPlaces(t *testing.T) {
	p := Places{All: 4, Each: 2, What: "batches"}
	for range 2 {
		if err := p.Take("a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Take("a"); actors.AsError(err).Code != actors.TooMany {
		t.Errorf("a third of one app: got %v, want too_many", err)
	}
	for range 2 {
		if err := p.Take("b"); err != nil {
			t.Fatalf("another app: %v", err)
		}
	}
	if err := p.Take("c"); actors.AsError(err).Code != actors.Busy {
		t.Errorf("beyond all: got %v, want busy", err)
	}
	p.Leave("a")
	if err := p.Take("a"); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	for _, app := range []string{"a", "a", "b", "b"} {
		p.Leave(app)
	}
	if p.Len() != 0 || len(p.of) != 0 {
		t.Errorf("left over: %d, %v", p.taken, p.of)
	}
}
