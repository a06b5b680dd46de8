package actors

import (
	"fmt"
	"testing"
)

// TestShardOf holds the shards of a few keys: they are in stores.
func TestShardOf(t *testing.T) {
	for key, want := range map[Key]uint16{
		"":             409,
		"udefault/ann": 12,
		"udefault/zoe": 867,
		"ushop/bär":    990,
		"sdefault/00000000-0000-0000-0000-000000000001": 119,
	} {
		if got := ShardOf(key); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
	var n [Shards]int
	for i := range 100 * Shards {
		n[ShardOf(UserKey(DefaultApp, fmt.Sprint("user", i)))]++
	}
	for shard, n := range n {
		if n < 50 || n > 150 {
			t.Errorf("shard %d has %d of %d users", shard, n, 100*Shards)
		}
	}
}
