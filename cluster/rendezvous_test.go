package cluster

import (
	"strings"
	"testing"

	"reddot/actors"
)

// TestOwners holds that shards are shared out evenly, that a node which goes or
// comes moves only its own, and that all programs agree: the table of three
// names never changes.
func TestOwners(t *testing.T) {
	nodes := []string{"host/1/a", "host/2/b", "host/3/c", "host/4/d", "host/5/e"}
	count := map[string]int{}
	for shard := range uint16(actors.Shards) {
		o := ownerOf(shard, nodes)
		count[o]++
		for i, gone := range nodes {
			rest := append(append([]string(nil), nodes[:i]...), nodes[i+1:]...)
			if got := ownerOf(shard, rest); o != gone && got != o {
				t.Fatalf("shard %d moves from %s to %s when %s goes", shard, o, got, gone)
			}
		}
	}
	for _, n := range nodes {
		if c := count[n]; c < 150 || c > 260 {
			t.Errorf("%s owns %d shards of 1024, want about 205", n, c)
		}
	}
	var b strings.Builder
	for shard := range uint16(32) {
		b.WriteString(ownerOf(shard, []string{"a", "b", "c"}))
	}
	if got, want := b.String(), "baabbacbbabacbaabbbbcabababcccba"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if ownerOf(1, nil) != "" {
		t.Error("nobody owns something")
	}
}
