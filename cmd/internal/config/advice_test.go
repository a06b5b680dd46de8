package config

import (
	"strings"
	"testing"

	"reddot/cluster"
	"reddot/transports"
	"reddot/transports/auth"
)

func TestAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Config)
		want string // begins the only advice; empty: there is none
	}{
		"behind a proxy":   {func(c *Config) { c.TrustedProxies = []string{"127.0.0.1/32"} }, ""},
		"unnamed proxy":    {func(*Config) {}, "trusted_proxies: "},
		"development":      {func(c *Config) { c.Dev = true }, ""},
		"plain everywhere": {func(c *Config) { c.HTTP = ":7777" }, "http: :7777"},
		"TLS everywhere":   {func(c *Config) { c.HTTP, c.TLS = ":7777", TLS{"cert.pem", "key.pem"} }, ""},
		"MQTT in the open": {func(c *Config) { c.HTTP, c.TLS, c.MQTT.Listen = ":1", TLS{"c", "k"}, "0.0.0.0:1883" }, "mqtt.listen: "},
		"anybody":          {func(c *Config) { c.HTTP, c.TLS, c.MQTT.Anonymous = ":1", TLS{"c", "k"}, true }, "mqtt.anonymous: "},
		"any audience":     {func(c *Config) { c.HTTP, c.TLS, c.Token.JWKS = ":1", TLS{"c", "k"}, "https://issuer" }, "token.jwks_url: "},
		"an audience": {func(c *Config) {
			c.HTTP, c.TLS, c.Token = ":1", TLS{"c", "k"}, auth.Verification{JWKS: "https://i", Audience: "a"}
		}, ""},
		"an open cluster": {func(c *Config) { c.HTTP, c.TLS, c.Cluster.Bind = ":1", TLS{"c", "k"}, "0.0.0.0:7778" }, "cluster.key: "},
		"a cluster with key": {func(c *Config) {
			c.HTTP, c.TLS, c.Cluster = ":1", TLS{"c", "k"}, Cluster{ClusterConfig: cluster.ClusterConfig{Bind: ":2"}, Key: transports.NewSecret("x")}
		}, ""},
	} {
		cfg := Default()
		c.edit(&cfg)
		got := cfg.Advice()
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
