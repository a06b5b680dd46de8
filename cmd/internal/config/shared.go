package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"reddot/cluster"
	"reddot/transports"
)

// alike are the settings in which the servers of a cluster must not differ: by
// them whoever owns a user trims, keeps or forgets what is the user's. A path
// stands for all below it.
var alike = []string{
	"inbox", "store.erase_within",
	"mqtt.session_expiry", "mqtt.queue_messages", "mqtt.queue_size", "mqtt.sessions", "mqtt.retained", "mqtt.retained_size",
}

// compared are those that may differ for a while, as when servers get a new
// configuration one by one; clients then find another behavior on each.
var compared = []string{
	"inbox.connections", "presence", "dev", "seed_urls", "origins", "token", "limits.subscriptions",
	"mqtt.anonymous", "mqtt.anonymous_topics", "mqtt.refused_filters", "mqtt.password_topics",
}

// Shared returns the settings that servers of a cluster compare. What may hold
// secrets is told by a digest that is of no use without the cluster's key.
func (c *Config) Shared() []cluster.Setting {
	digest := func(text string) string {
		h := hmac.New(sha256.New, []byte("settings "+c.Cluster.Key.Reveal()))
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil)[:8])
	}
	var list []cluster.Setting
	for _, s := range settings(c) {
		differs := below(s.path, compared)
		if !differs && !below(s.path, alike) {
			continue
		}
		value := revealed(s)
		if strings.HasPrefix(s.path, "token.") {
			value = digest(value)
		}
		list = append(list, cluster.Setting{Name: s.path, Value: value, Alike: !differs})
	}
	var apps strings.Builder
	for _, a := range c.Apps {
		fmt.Fprintf(&apps, "%s\n", a.Name)
		for _, s := range leaves(reflect.ValueOf(&a.Token).Elem()) {
			fmt.Fprintf(&apps, " %s\n", revealed(s))
		}
	}
	return append(list, cluster.Setting{Name: "apps", Value: digest(apps.String())})
}

// revealed returns the text of a setting, secrets too.
func revealed(s setting) string {
	if secret, ok := s.value.Interface().(transports.Secret); ok {
		return secret.Reveal()
	}
	return s.text()
}
