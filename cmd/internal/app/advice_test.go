package app

import (
	"net/http"
	"strings"
	"testing"

	"reddot/transports"
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
		"any audience":     {func(c *Config) { c.HTTP, c.TLS, c.Token.JWKSURL = ":1", TLS{"c", "k"}, "https://issuer" }, "token.jwks_url: "},
		"an audience": {func(c *Config) {
			c.HTTP, c.TLS, c.Token = ":1", TLS{"c", "k"}, Token{JWKSURL: "https://i", Audience: "a"}
		}, ""},
		"an open cluster": {func(c *Config) { c.HTTP, c.TLS, c.Cluster.Bind = ":1", TLS{"c", "k"}, "0.0.0.0:7778" }, "cluster.key: "},
		"a cluster with key": {func(c *Config) {
			c.HTTP, c.TLS, c.Cluster = ":1", TLS{"c", "k"}, Cluster{Bind: ":2", Key: transports.NewSecret("x")}
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

// TestUnnamedProxyIsTold: who forgot trusted_proxies reads it in the log, once.
func TestUnnamedProxyIsTold(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	a, book := start(t, cfg)
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+"/v1/users/alice/counts", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "192.0.2.7")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if n := strings.Count(book.String(), "X-Forwarded-For"); n != 1 || !strings.Contains(book.String(), "peer=127.0.0.1") {
		t.Errorf("it was told %d times: %s", n, book)
	}
}
