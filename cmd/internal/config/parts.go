package config

import (
	"math"
	"net/netip"

	"reddot/actors"
	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
	"reddot/transports"
	"reddot/transports/api"
	"reddot/transports/auth"
)

// The settings as the parts take them: with what is not written in the file as it is
// used, or what dev changes.

// Proxies returns the networks of trusted_proxies.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	return parseNetworks(c.TrustedProxies)
}

// Gate returns what one caller may do.
func (c *Config) Gate() (transports.Limits, error) {
	proxies, err := c.Proxies()
	if err != nil {
		return transports.Limits{}, err
	}
	l := c.Limits.Limits
	l.TrustedProxies = proxies
	if c.Dev {
		l = l.Dev()
	}
	return l, nil
}

// Actors returns what one user may take up.
func (c *Config) Actors() actors.Limits {
	l := actors.Limits{
		InboxLimits: c.Inbox, SessionLimits: c.MQTT.SessionLimits, RetainedLimits: c.MQTT.RetainedLimits, BroadcastLimits: c.Broadcast,
		EraseWithin: c.Store.EraseWithin, TopicBytes: c.Limits.Topic,
	}
	l.SessionMessages, l.SessionBytes = c.MQTT.QueueMessages, c.MQTT.QueueBytes // connected or not
	if c.Dev {
		l.Connections = math.MaxInt
	}
	return l
}

// API returns how the API behaves.
func (c *Config) API() api.Config {
	a := c.Limits.API
	a.WriteStall, a.LegacyURLs = c.Limits.WriteStall, c.Dev || c.LegacyURLs
	a.MetricsKey, a.MetricsApart = c.Metrics.Key, c.Metrics.Listen != ""
	return a
}

// Tokens returns how user tokens are verified.
func (c *Config) Tokens() auth.TokensConfig {
	apps := map[string]auth.Verification{}
	add := func(name string, v auth.Verification) {
		if v.IsSet() {
			apps[name] = v
		}
	}
	add(transports.DefaultApp, c.Token)
	for _, a := range c.Apps {
		add(a.Name, a.Token)
	}
	rules := c.Limits.Tokens
	if rules.Leeway == 0 {
		rules.Leeway = -1 // none, where zero would be the default
	}
	return auth.TokensConfig{Apps: apps, TokenRules: rules}
}

// Embedded returns the settings of the embedded store.
func (c *Config) Embedded() embedded.Config {
	e := c.Store.Embedded
	e.Config, e.Dir = c.Store.Config, c.Data
	return e
}

// Postgres returns the settings of the store in a database; its URL is empty where
// none is named.
func (c *Config) Postgres() postgres.Config {
	p := c.Store.Postgres
	p.Config, p.URL = c.Store.Config, c.Store.URL.Reveal()
	return p
}
