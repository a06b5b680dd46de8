package app

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strconv"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/mqtt"
)

// check tells every mistake that can be seen without starting.
func (c Config) check() error {
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
	_, err = c.proxies()
	add("trusted_proxies", err)
	_, err = c.level()
	add("log.level", err)
	if c.Log.Format != "text" && c.Log.Format != "json" {
		add("log.format", fmt.Errorf("%q is neither text nor json", c.Log.Format))
	}
	if !c.Store.URL.IsZero() {
		add("store.url", store.CheckURL(c.Store.URL.Reveal()))
	}
	errs = append(errs, c.checkApps()...)
	errs = append(errs, c.checkCluster()...)
	errs = append(errs, c.checkPositive()...)
	if time.Duration(c.Audit.Keep) < 24*time.Hour {
		add("audit.keep", fmt.Errorf("%v is less than a day", c.Audit.Keep))
	}
	if c.Audit.Size < 1<<20 {
		add("audit.size", fmt.Errorf("%v is less than 1MiB", c.Audit.Size))
	}
	if c.Stop.Notice+c.Stop.Drain >= c.Stop.Timeout {
		add("stop.timeout", fmt.Errorf("%v is not above notice and drain together", c.Stop.Timeout))
	}
	if l, err := c.limits(); err == nil {
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
	if _, err := c.logins(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.mqtt().WithDefaults(); err != nil {
		errs = append(errs, fmt.Errorf("mqtt.%w", err))
	}
	return errs
}

// mqtt returns what MQTT's clients may do.
func (c Config) mqtt() mqtt.Config {
	m := &c.MQTT
	return mqtt.Config{
		ConnectTimeout: time.Duration(m.ConnectTimeout), ConnectBytes: int(m.ConnectSize), PacketBytes: int(m.PacketSize),
		ReceiveMaximum: m.ReceiveMaximum, SendMaximum: m.SendMaximum, AliasesIn: m.AliasesIn, AliasesOut: m.AliasesOut,
		KeepAlive: time.Duration(m.KeepAlive), SessionExpiry: time.Duration(m.SessionExpiry), Subscriptions: m.Subscriptions,
		FilterBytes: int(m.FilterSize), FilterLevels: m.FilterLevels, TopicBytes: int(m.TopicSize), TopicLevels: m.TopicLevels, ClientIDBytes: int(m.ClientIDSize),
		QueueMessages: m.QueueMessages, QueueBytes: int(m.QueueSize), PublishesPerSecond: m.Publishes, PublishBurst: m.PublishBurst,
		Anonymous: m.Anonymous, AnonymousTopics: m.AnonymousTopics, RefusedFilters: m.RefusedFilters,
		ServerReference: m.ServerReference,
	}
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
		if a.Name == transports.DefaultApp && c.Token.isSet() {
			errs = append(errs, fmt.Errorf("%s.name: the app %q has its token at the top level already", path, a.Name))
		}
		seen[a.Name] = true
	}
	if _, err := auth.NewTokens(c.tokens(), nil, slog.New(slog.DiscardHandler)); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// checkPositive refuses what makes no sense at zero or below.
func (c Config) checkPositive() []error {
	var errs []error
	for _, f := range []struct {
		path  string
		value int64
		least int64
	}{
		{"server.read_timeout", int64(c.Server.ReadTimeout), 1},
		{"server.write_timeout", int64(c.Server.WriteTimeout), 1},
		{"server.idle_timeout", int64(c.Server.IdleTimeout), 1},
		{"server.concurrency", int64(c.Server.Concurrency), 1},
		{"stop.notice", int64(c.Stop.Notice), 0},
		{"stop.drain", int64(c.Stop.Drain), 0},
		{"inbox.messages", int64(c.Inbox.Messages), 1},
		{"inbox.message_age", int64(c.Inbox.MessageAge), 1},
		{"inbox.size", int64(c.Inbox.Size), 1},
		{"inbox.retain_events", int64(c.Inbox.RetainEvents), 1},
		{"inbox.retain_age", int64(c.Inbox.RetainAge), 1},
		{"inbox.retain_size", int64(c.Inbox.RetainSize), 1},
		{"inbox.connections", int64(c.Inbox.Connections), 1},
		{"mqtt.sessions", int64(c.MQTT.Sessions), 1},
		{"mqtt.retained", int64(c.MQTT.Retained), 1},
		{"mqtt.retained_size", int64(c.MQTT.RetainedSize), 1},
		{"mqtt.retained_of_user", int64(c.MQTT.RetainedOfUser), 1},
		{"mqtt.retained_of_app", int64(c.MQTT.RetainedOfApp), 1},
		{"mqtt.retained_age", int64(c.MQTT.RetainedAge), int64(time.Second)},
		{"mqtt.sessions_size", int64(c.MQTT.SessionsSize), 1},
		{"mqtt.password_hashings", int64(c.MQTT.PasswordHashings), 0},
		{"mqtt.sessions_of_app", int64(c.MQTT.SessionsOfApp), 1},
		{"mqtt.sessions_size_of_app", int64(c.MQTT.SessionsSizeOfApp), 1},
		{"limits.topic", int64(c.Limits.Topic), 1},
		{"limits.write_stall", int64(c.Limits.WriteStall), int64(time.Second)},
		{"limits.batches", int64(c.Limits.Batches), 1},
		{"limits.app_batches", int64(c.Limits.AppBatches), 1},
		{"limits.batch_rate", int64(c.Limits.BatchRate), 1},
		{"store.cache", int64(c.Store.Cache), 1 << 20},
		{"store.mem_table", int64(c.Store.MemTable), 1 << 20},
		{"store.queue_size", int64(c.Store.QueueSize), 1},
		{"store.queue_count", int64(c.Store.QueueCount), 1},
		{"store.batch_size", int64(c.Store.BatchSize), 1},
		{"store.open_files", int64(c.Store.OpenFiles), 64},
		{"store.committers", int64(c.Store.Committers), 1},
		{"store.readers", int64(c.Store.Readers), 1},
		{"store.erase_within", int64(c.Store.EraseWithin), int64(time.Second)},
		{"store.timeout", int64(c.Store.Timeout), int64(time.Second)},
	} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("%s: it is %d, and must be at least %d", f.path, f.value, f.least))
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

func (c Config) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return 0, fmt.Errorf("%q is none of debug, info, warn and error", c.Log.Level)
	}
	return l, nil
}

func (c Config) proxies() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range c.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no network; write 10.0.0.0/8 or fd00::/8", text)
		}
		list = append(list, p)
	}
	return list, nil
}

// tokens returns the verifiers' settings.
func (c Config) tokens() auth.TokensConfig {
	apps := map[string]auth.Verification{}
	add := func(name string, t Token) {
		if t.isSet() {
			apps[name] = auth.Verification{
				Secret: t.Secret, PublicKey: t.PublicKey, PublicKeyFile: t.PublicKeyFile,
				JWKS: t.JWKSURL, Issuer: t.Issuer, Audience: t.Audience,
			}
		}
	}
	add(transports.DefaultApp, c.Token)
	for _, a := range c.Apps {
		add(a.Name, a.Token)
	}
	leeway := time.Duration(c.Limits.TokenLeeway)
	if leeway == 0 {
		leeway = -1 // none, where zero would be the default
	}
	return auth.TokensConfig{Apps: apps, TokenRules: auth.TokenRules{Leeway: leeway, MaxLifetime: time.Duration(c.Limits.TokenLifetime)}}
}

// limits returns what one caller may do.
func (c Config) limits() (transports.Limits, error) {
	proxies, err := c.proxies()
	if err != nil {
		return transports.Limits{}, err
	}
	l := transports.Limits{
		RequestsPerAddress: c.Limits.RequestsPerAddress, RequestBurst: c.Limits.RequestBurst,
		FailuresPerAddress: c.Limits.FailuresPerAddress, FailureBurst: c.Limits.FailureBurst, DoubtedTokens: c.Limits.DoubtedTokens,
		PublishesPerKey: c.Limits.PublishesPerKey, PublishBurst: c.Limits.PublishBurst,
		WaitingPerAddress: int(c.Limits.WaitingPerAddress), WaitingPerUser: int(c.Limits.WaitingPerUser),
		ConnectionsPerAddress: c.Limits.ConnectionsPerAddress, Subscriptions: c.Limits.Subscriptions,
		MaxHeader: int(c.Limits.Header), MaxBody: int(c.Limits.Body), MaxBatch: int(c.Limits.Batch),
		MaxLine: int(c.Limits.Line), MaxFrame: int(c.Limits.Frame),
		TrustedProxies: proxies,
	}
	if c.Dev {
		l = l.Dev()
	}
	return l, nil
}

// inbox returns what one user may take up.
func (c Config) inbox() actors.Limits {
	l := actors.Limits{
		Messages: c.Inbox.Messages, MessageAge: time.Duration(c.Inbox.MessageAge), InboxBytes: int(c.Inbox.Size),
		RetainEvents: c.Inbox.RetainEvents, RetainAge: time.Duration(c.Inbox.RetainAge), RetainBytes: int(c.Inbox.RetainSize),
		EraseWithin: time.Duration(c.Store.EraseWithin),
		Connections: c.Inbox.Connections,
		Sessions:    c.MQTT.Sessions, SessionMessages: c.MQTT.QueueMessages, SessionBytes: int(c.MQTT.QueueSize),
		Retained: c.MQTT.Retained, RetainedBytes: int(c.MQTT.RetainedSize),
		RetainedOfUser: int(c.MQTT.RetainedOfUser), RetainedOfApp: int(c.MQTT.RetainedOfApp), RetainedAge: time.Duration(c.MQTT.RetainedAge),
		SessionsOfApp: c.MQTT.SessionsOfApp, SizeOfApp: int(c.MQTT.SessionsSizeOfApp),
		SessionsBytes: int(c.MQTT.SessionsSize), TopicBytes: int(c.Limits.Topic),
	}
	if c.Dev {
		l.Connections = math.MaxInt
	}
	return l
}

// store returns the store's settings.
func (c Config) store() store.Config {
	return store.Config{
		URL: c.Store.URL.Reveal(), Committers: c.Store.Committers, Readers: c.Store.Readers, Timeout: time.Duration(c.Store.Timeout),
		EraseWithin: time.Duration(c.Store.EraseWithin),
		Dir:         c.Data, QueueWrites: c.Store.QueueCount, QueueBytes: int(c.Store.QueueSize),
		BatchBytes: int(c.Store.BatchSize), MemTableBytes: int(c.Store.MemTable), CacheBytes: int(c.Store.Cache), MaxOpenFiles: c.Store.OpenFiles,
		LowDisk: int64(c.Store.LowDisk),
	}
}
