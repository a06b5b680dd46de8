package config

import (
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
	"reddot/cluster"
	"reddot/transports"
	"reddot/transports/api"
	"reddot/transports/auth"
	"reddot/transports/mqtt"
	"reddot/transports/streams"
	"reddot/transports/ws"
)

// A Config is everything that can be set. It comes from Load; Default holds
// the values of what is not set. The names in the file are those of the yaml
// tags; a variable of the environment is the path in capitals behind REDDOT_,
// as REDDOT_LOG_LEVEL is log.level. reference.yaml explains each setting to
// those who run a server; a test keeps it complete.
type Config struct {
	// HTTP is the address to listen on, host:port; port 0 takes a free one.
	HTTP string `yaml:"http"`
	TLS  TLS    `yaml:"tls"`
	// Data is the data directory. It is created if there is none.
	Data string `yaml:"data"`
	// Dev is for development: no token is needed, no limit holds for an
	// address, a user or a rate, the legacy URLs and CORS are on. It is refused
	// on an address that is not loopback.
	Dev bool `yaml:"dev"`
	// LegacyURLs turns on the legacy URLs, which the seed project had.
	LegacyURLs bool `yaml:"seed_urls"`
	// Origins are the web origins whose pages may use the API with a cookie.
	// Reloaded by SIGHUP.
	Origins []string `yaml:"origins"`
	// TrustedProxies are the networks (CIDR) whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Token says how the user tokens of the app "default" are verified.
	// Reloaded by SIGHUP.
	Token auth.Verification `yaml:"token"`
	// Apps are the other apps. Reloaded by SIGHUP.
	Apps []App `yaml:"apps"`
	Log  Log   `yaml:"log"`
	// Metrics says who sees /metrics.
	Metrics Metrics `yaml:"metrics"`
	// Pprof is a loopback address for Go's profiles; empty: none.
	Pprof  string `yaml:"pprof"`
	Server Server `yaml:"server"`
	// WebSocket is reloaded by SIGHUP; connections keep what was agreed on.
	WebSocket ws.Config `yaml:"websocket"`
	Stop      Stop      `yaml:"stop"`
	// Limits bound what one caller may do.
	Limits Limits `yaml:"limits"`
	// Inbox bounds what one user may take up.
	Inbox actors.InboxLimits `yaml:"inbox"`
	// Broadcast bounds what is for many users.
	Broadcast actors.BroadcastLimits `yaml:"broadcast"`
	MQTT      MQTT                   `yaml:"mqtt"`
	// Presence says whether it is told who is online.
	Presence actors.PresenceEvents `yaml:"presence"`
	Store    Store                 `yaml:"store"`
	// Audit bounds the audit log.
	Audit transports.AuditConfig `yaml:"audit"`
	// Cluster lets servers share the users of one database.
	Cluster Cluster `yaml:"cluster"`
}

// Metrics says where /metrics is, and for whom.
type Metrics struct {
	// Listen is an address of its own for /metrics, /healthz and /readyz,
	// without TLS; empty: they are with all else. /metrics is there alone then.
	Listen string `yaml:"listen"`
	// Key asks for a server key with the scope operator.
	Key bool `yaml:"key"`
}

// TLS names the files of a certificate and its key, in PEM; both or none.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// An App is one app with its own keys, users and verifiers.
type App struct {
	Name  string            `yaml:"name"`
	Token auth.Verification `yaml:"token"`
}

// Log says how to log, on standard error.
type Log struct {
	Format string `yaml:"format"` // text or json
	Level  string `yaml:"level"`  // debug, info, warn or error; reloaded by SIGHUP
}

// Server bounds how long an HTTP connection may take over a request.
type Server struct {
	ReadTimeout  time.Duration `yaml:"read_timeout" min:"1ns"`  // of a whole request
	WriteTimeout time.Duration `yaml:"write_timeout" min:"1ns"` // of what is written at once
	IdleTimeout  time.Duration `yaml:"idle_timeout" min:"1ns"`  // between requests
	Concurrency  int           `yaml:"concurrency" min:"1"`     // requests under way at a time
}

// Stop says how a server stops.
type Stop struct {
	// Notice is how long the server goes on as before after readyz says no, so
	// that a load balancer can notice.
	Notice time.Duration `yaml:"notice" min:"0s"`
	// Drain is the time over which clients are sent away, so that they do not
	// all come back at once elsewhere.
	Drain time.Duration `yaml:"drain" min:"0s"`
	// Timeout is what the whole may take; then it ends as it is.
	Timeout time.Duration `yaml:"timeout"`
}

// Limits bound what one caller may do. 0 takes the default, -1 is no limit.
// Reloaded by SIGHUP, but for the number of connections.
type Limits struct {
	transports.Limits `yaml:",inline"`

	Tokens auth.TokenRules    `yaml:",inline"`
	Door   streams.DoorConfig `yaml:",inline"` // connections, before anybody has said who calls; All 0: by the process's descriptors
	API    api.Config         `yaml:",inline"`

	WriteStall time.Duration `yaml:"write_stall" min:"1s"`       // without a byte that a client takes
	Topic      int           `yaml:"topic" unit:"bytes" min:"1"` // of a message that is published to a topic
}

// MQTT are the settings of MQTT. -1 is no limit, or none.
type MQTT struct {
	Listen    string `yaml:"listen"`     // host:port; empty: no MQTT over TCP
	ListenTLS string `yaml:"listen_tls"` // likewise, with the certificate of tls

	mqtt.Config           `yaml:",inline"`
	actors.SessionLimits  `yaml:",inline"` // of what outlives a connection
	actors.RetainedLimits `yaml:",inline"`

	// PasswordFile is a file of user names and passwords. What is in it is
	// reloaded by SIGHUP, and so are the settings of Logins.
	PasswordFile string            `yaml:"password_file"`
	Logins       auth.LoginsConfig `yaml:",inline"`
}

// Store are the settings of the store: the embedded one in the data directory, or, if
// URL is set, a PostgreSQL database.
type Store struct {
	// URL names the database; empty: the embedded store.
	URL          transports.Secret `yaml:"url"`
	store.Config `yaml:",inline"`  // of both
	Postgres     postgres.Config   `yaml:",inline"`
	Embedded     embedded.Config   `yaml:",inline"`
}

// Cluster says how a server finds others and lets itself be found. It is part
// of a cluster if Join or Bind is set.
type Cluster struct {
	cluster.ClusterConfig `yaml:",inline"` // without its key
	// Key is the cluster's secret: 32 bytes in base64 or hexadecimal.
	Key transports.Secret `yaml:"key"`
}

// isSet tells whether the server is part of a cluster.
func (c Cluster) isSet() bool { return len(c.Join) > 0 || c.Bind != "" }

// Default returns the configuration of a server for which nothing was set.
func Default() Config {
	a := must(actors.Limits{}.WithDefaults())
	a.Pace = 0 // by the machine that it runs on
	return Config{
		HTTP: "127.0.0.1:7777",
		Data: "data",
		Log:  Log{Format: "text", Level: "info"},
		Server: Server{
			ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, Concurrency: 100_000,
		},
		Stop: Stop{Drain: 5 * time.Second, Timeout: 30 * time.Second},
		Limits: Limits{
			Limits: transports.Limits{}.WithDefaults(), Tokens: auth.TokenRules{}.WithDefaults(),
			Door: streams.DoorConfig{PerAddress: 2000}, API: api.Config{}.WithDefaults(),
			WriteStall: 10 * time.Second, Topic: a.TopicBytes,
		},
		Inbox:     a.InboxLimits,
		Broadcast: a.BroadcastLimits,
		MQTT:      MQTT{Config: must(mqtt.Config{}.WithDefaults()), SessionLimits: a.SessionLimits, RetainedLimits: a.RetainedLimits},
		Store: Store{
			Config:   must(store.Config{}.WithDefaults()),
			Postgres: must(postgres.Config{}.WithDefaults()), Embedded: must(embedded.Config{}.WithDefaults()),
		},
		Presence: actors.PresenceEvents{OfflineAfter: 10 * time.Second},
		Audit:    transports.AuditConfig{}.WithDefaults(),
		Cluster:  Cluster{ClusterConfig: cluster.ClusterConfig{}.WithDefaults()},
	}
}

// must returns the defaults of a part, whose zero value is documented as good.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
