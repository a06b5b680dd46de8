package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"reddot/actors"
	"reddot/actors/store/postgres"
	"reddot/transports"
	"reddot/transports/auth"
)

// Check tells every mistake that can be seen without starting.
func (c Config) Check() error {
	var errs []error
	add := func(path string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	add("http", checkAddress(c.HTTP))
	if c.Dev && !loopback(c.HTTP) {
		add("http", fmt.Errorf("%s is not a loopback address, and dev lets everybody in; use 127.0.0.1, or run without dev", c.HTTP))
	}
	errs = append(errs, c.checkMQTT()...)
	if c.Metrics.Listen != "" {
		add("metrics.listen", checkAddress(c.Metrics.Listen))
	}
	if c.Pprof != "" {
		add("pprof", checkAddress(c.Pprof))
		if !loopback(c.Pprof) {
			add("pprof", fmt.Errorf("%s is not a loopback address; profiles show what is in memory", c.Pprof))
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		add("tls", errors.New("give both cert and key, or neither"))
	}
	if c.Data == "" {
		add("data", errors.New("name a directory"))
	}
	_, err := transports.ParseOrigins(c.Origins)
	add("origins", err)
	_, err = c.Proxies()
	add("trusted_proxies", err)
	_, err = c.Level()
	add("log.level", err)
	if c.Log.Format != "text" && c.Log.Format != "json" {
		add("log.format", fmt.Errorf("%q is neither text nor json", c.Log.Format))
	}
	if !c.Store.URL.IsZero() {
		add("store.url", postgres.CheckURL(c.Store.URL.Reveal()))
	}
	errs = append(errs, c.checkApps()...)
	errs = append(errs, c.checkCluster()...)
	errs = append(errs, c.checkLeast()...)
	if c.Audit.Keep < 24*time.Hour {
		add("audit.keep", fmt.Errorf("%v is less than a day", formatDuration(c.Audit.Keep)))
	}
	if c.Audit.Size < 1<<20 {
		add("audit.size", fmt.Errorf("%v is less than 1MiB", formatSize(c.Audit.Size)))
	}
	if c.Stop.Notice+c.Stop.Drain >= c.Stop.Timeout {
		add("stop.timeout", fmt.Errorf("%v is not above notice and drain together", formatDuration(c.Stop.Timeout)))
	}
	if l, err := c.Gate(); err == nil {
		add("limits", l.Check())
	}
	return errors.Join(errs...)
}

// checkMQTT tells the mistakes in how MQTT is served.
func (c Config) checkMQTT() []error {
	var errs []error
	for _, f := range []struct{ path, addr string }{{"mqtt.listen", c.MQTT.Listen}, {"mqtt.listen_tls", c.MQTT.ListenTLS}} {
		if f.addr == "" {
			continue
		}
		if err := checkAddress(f.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.path, err))
		}
		if c.Dev && !loopback(f.addr) {
			errs = append(errs, fmt.Errorf("%s: %s is not a loopback address, and dev lets everybody in", f.path, f.addr))
		}
	}
	if c.MQTT.ListenTLS != "" && c.TLS.Cert == "" {
		errs = append(errs, errors.New("mqtt.listen_tls: it needs a certificate; give tls.cert and tls.key"))
	}
	if len(c.MQTT.AnonymousTopics) > 0 && !c.MQTT.Anonymous {
		errs = append(errs, errors.New("mqtt.anonymous_topics: they need mqtt.anonymous"))
	}
	if _, err := c.LoadLogins(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.MQTT.WithDefaults(); err != nil {
		errs = append(errs, fmt.Errorf("mqtt.%w", err))
	}
	return errs
}

func (c Config) checkApps() []error {
	var errs []error
	seen := map[string]bool{}
	for i, a := range c.Apps {
		path := "apps[" + strconv.Itoa(i) + "]"
		if _, err := transports.ParseApp(a.Name); err != nil {
			errs = append(errs, fmt.Errorf("%s.name: %s", path, actors.AsError(err).Detail))
		}
		if seen[a.Name] {
			errs = append(errs, fmt.Errorf("%s.name: there are two apps %q", path, a.Name))
		}
		if a.Name == transports.DefaultApp && c.Token.IsSet() {
			errs = append(errs, fmt.Errorf("%s.name: the app %q has its token at the top level already", path, a.Name))
		}
		seen[a.Name] = true
	}
	if _, err := auth.NewTokens(c.Tokens(), nil, slog.New(slog.DiscardHandler)); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// checkLeast refuses what makes no sense below the least of its setting.
func (c Config) checkLeast() []error {
	var errs []error
	for _, s := range settings(&c) {
		if err := s.checkLeast(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.path, err))
		}
	}
	return errs
}

func checkAddress(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address; write host:port, as 127.0.0.1:7777 or :7777", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port between 0 and 65535", addr)
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("%q is no IP address to listen on; leave it empty for all", host)
		}
	}
	return nil
}

// loopback tells whether nobody else's machine reaches the address.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Level returns the least level of what is logged.
func (c *Config) Level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return 0, fmt.Errorf("%q is none of debug, info, warn and error", c.Log.Level)
	}
	return l, nil
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no network; write 10.0.0.0/8 or fd00::/8", text)
		}
		list = append(list, p)
	}
	return list, nil
}
