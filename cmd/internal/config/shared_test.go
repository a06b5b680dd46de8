package config

import (
	"slices"
	"strings"
	"testing"

	"reddot/transports"
	"reddot/transports/auth"
)

// TestShared compares two configurations as servers of a cluster do.
func TestShared(t *testing.T) {
	differ := func(change func(*Config)) (alike, others []string) {
		a, b := Default(), Default()
		a.Cluster.Key = transports.NewSecret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
		b.Cluster.Key = a.Cluster.Key
		change(&b)
		theirs := b.Shared()
		for i, s := range a.Shared() {
			if strings.Contains(theirs[i].Value, "a secret") {
				t.Errorf("%s is told as it is", s.Name)
			}
			switch {
			case theirs[i] == s:
			case s.Alike:
				alike = append(alike, s.Name)
			default:
				others = append(others, s.Name)
			}
		}
		return alike, others
	}
	for _, c := range []struct {
		change        func(*Config)
		alike, others string
	}{
		{func(*Config) {}, "", ""},
		{func(c *Config) { c.HTTP, c.Log.Level, c.Store.Postgres.Readers = "127.0.0.1:1", "debug", 3 }, "", ""},
		{func(c *Config) { c.Inbox.Messages = 5 }, "inbox.messages", ""},
		{func(c *Config) { c.Inbox.MessageAge, c.Inbox.RetainAge = 1, 1 }, "inbox.message_age inbox.retain_age", ""},
		{func(c *Config) { c.MQTT.QueueMessages, c.MQTT.Sessions = 5, 5 }, "mqtt.queue_messages mqtt.sessions", ""},
		{func(c *Config) { c.Inbox.Connections = 5 }, "", "inbox.connections"},
		{func(c *Config) { c.Origins = []string{"https://a.example"} }, "", "origins"},
		{func(c *Config) { c.Token.Secret = transports.NewSecret("a secret of at least 32 bytes, as it must be") }, "", "token.secret"},
		{func(c *Config) {
			c.Apps = []App{{Name: "shop", Token: auth.Verification{Secret: transports.NewSecret("a secret of at least 32 bytes, as it must be")}}}
		}, "", "apps"},
	} {
		alike, others := differ(c.change)
		if got, want := strings.Join(alike, " ")+" | "+strings.Join(others, " "), c.alike+" | "+c.others; got != want {
			t.Errorf("%s differ, want %s", got, want)
		}
	}
	// Each name of the lists is that of a setting.
	cfg := Default()
	all := settings(&cfg)
	for _, name := range append(slices.Clone(alike), compared...) {
		if !slices.ContainsFunc(all, func(s setting) bool { return below(s.path, []string{name}) }) {
			t.Errorf("there is no setting %s", name)
		}
	}
}
