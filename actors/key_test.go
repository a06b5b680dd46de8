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

// A key is read as it was made; what can't be one is refused.
func TestKeys(t *testing.T) {
	for key, want := range map[Key]string{
		UserKey("shop", "alice"):        "u shop alice",
		UserKey("shop", "a/b"):          "u shop a/b",
		SendKey("shop", ID{15: 1}):      "s shop 00000000-0000-0000-0000-000000000001",
		RetainedShardKey("shop", 12):    "t shop 12",
		UserKey(DefaultApp, "ü@x.y:_-"): "u default ü@x.y:_-",
	} {
		got, err := ParseKey(string(key))
		if text := fmt.Sprintf("%c %s %s", got.Kind(), key.App(), key.Name()); err != nil || got != key || text != want {
			t.Errorf("%s: %s, %v; want %s", key, text, err, want)
		}
		if _, err := ParseUserKey(string(key)); (err == nil) != (key.Kind() == KindUser) {
			t.Errorf("%s is a user's: %v", key, err)
		}
	}
	for _, s := range []string{"", "u", "u/", "u/alice", "ushop", "ushop/", "xshop/alice", "/alice", "ushop/al\x00ice", "shop/alice/"} {
		if _, err := ParseUserKey(s); err == nil {
			t.Errorf("%q is a user's key", s)
		}
	}
}

// TestRetainedKey holds which actor keeps what a topic retains: it is in stores.
func TestRetainedKey(t *testing.T) {
	for topic, want := range map[string]Key{"a": "tshop/12", "a/b": "tshop/1", "": "tshop/0", "küche/licht": "tshop/10"} {
		if got := RetainedKey("shop", topic); got != want {
			t.Errorf("%q: got %s, want %s", topic, got, want)
		}
	}
	if CollapseHash("") != 0 || CollapseHash("order-7") != 0xdee47a9f34bede3b {
		t.Errorf("the hash of a collapse key is %#x; it is in snapshots", CollapseHash("order-7"))
	}
}

// A set of shards has what was added.
func TestShardSet(t *testing.T) {
	var s ShardSet
	for _, n := range []uint16{0, 63, 64, Shards - 1} {
		s.Add(n)
	}
	var got []int
	for n := range Shards {
		if s.Has(uint16(n)) {
			got = append(got, n)
		}
	}
	if fmt.Sprint(got) != "[0 63 64 1023]" {
		t.Errorf("got %v", got)
	}
}
