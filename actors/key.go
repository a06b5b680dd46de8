package actors

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A Key names a persistent actor: what it is, whose app, which one. As bytes
// it is the kind, the app, a slash and the name; it holds no zero byte.
type Key string

// The kinds of persistent actors, the first byte of their keys.
const (
	KindUser     = 'u'
	KindSend     = 's'
	KindRetained = 't'
	KindLog      = 'b'
	KindCampaign = 'c'
)

// kinds are all of them.
const kinds = string(KindUser) + string(KindSend) + string(KindRetained) + string(KindLog) + string(KindCampaign)

// DefaultApp is the app where none is configured.
const DefaultApp = "default"

// UserKey returns the key of a user's actor. The caller has checked both.
func UserKey(app, user string) Key { return Key("u" + app + "/" + user) }

// SendKey returns the key of the actor that delivers the message id to many.
func SendKey(app string, id ID) Key { return Key("s" + app + "/" + id.String()) }

// LogKey returns the key of the actor that writes an app's broadcast log.
func LogKey(app string) Key { return Key("b" + app + "/log") }

// CampaignKey returns the key of the actor that runs a campaign.
func CampaignKey(app, name string) Key { return Key("c" + app + "/" + name) }

// ParseKey returns the key that s is, or an error if it can't be one.
func ParseKey(s string) (Key, error) {
	k := Key(s)
	app, name, ok := strings.Cut(s[min(1, len(s)):], "/")
	if strings.IndexByte(kinds, k.Kind()) < 0 || !ok || app == "" || name == "" || strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("%.60q is no actor's key", s)
	}
	return k, nil
}

// RetainedShards is how many actors keep an app's retained messages.
const RetainedShards = 16

// RetainedKey returns the key of the actor that keeps what a topic retains.
func RetainedKey(app, topic string) Key {
	return RetainedShardKey(app, CollapseHash(topic)%RetainedShards)
}

// RetainedShardKey returns the key of one of the RetainedShards actors that keep an
// app's retained messages.
func RetainedShardKey(app string, shard uint64) Key {
	return Key("t" + app + "/" + strconv.FormatUint(shard, 10))
}

// Kind returns the kind of actor that k names; 0 if k is empty.
func (k Key) Kind() byte {
	if k == "" {
		return 0
	}
	return k[0]
}

// App returns the app that the actor belongs to.
func (k Key) App() string {
	app, _, _ := strings.Cut(string(k[1:]), "/")
	return app
}

// Name returns the user's name, the send's id, or the shard's number.
func (k Key) Name() string {
	_, name, _ := strings.Cut(string(k[1:]), "/")
	return name
}

// Shards is how many shards the actors are spread over. It is in every store
// and between nodes, so it never changes.
const Shards = 1024

// ShardOf returns the shard of an actor. All nodes and versions agree on it:
// xxHash64 with seed 0 of the key's bytes.
func ShardOf(k Key) uint16 { return uint16(xxhash.Sum64String(string(k)) % Shards) }

// CollapseHash returns a hash of a collapse key that is stable on disk
// (FNV-1a, 64 bits), and 0 for no key.
func CollapseHash(key string) uint64 {
	if key == "" {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return max(h, 1)
}

// ParseUserKey checks a key that must be a user's.
func ParseUserKey(s string) (Key, error) {
	k, err := ParseKey(s)
	if err == nil && k.Kind() != KindUser {
		err = fmt.Errorf("key %.60q: want a user's", s)
	}
	return k, err
}
