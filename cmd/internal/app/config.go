package app

import (
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/mqtt"
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
	// address, a user or a rate, the seed's URLs and CORS are on. It is refused
	// on an address that is not loopback.
	Dev bool `yaml:"dev"`
	// SeedURLs turns on the URLs that the seed project had.
	SeedURLs bool `yaml:"seed_urls"`
	// Origins are the web origins whose pages may use the API with a cookie.
	// Reloaded by SIGHUP.
	Origins []string `yaml:"origins"`
	// TrustedProxies are the networks (CIDR) whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Token says how the user tokens of the app "default" are verified.
	// Reloaded by SIGHUP.
	Token Token `yaml:"token"`
	// Apps are the other apps. Reloaded by SIGHUP.
	Apps []AppConfig `yaml:"apps"`
	Log  Log         `yaml:"log"`
	// Metrics says who sees /metrics.
	Metrics Metrics `yaml:"metrics"`
	// Pprof is a loopback address for Go's profiles; empty: none.
	Pprof  string `yaml:"pprof"`
	Server Server `yaml:"server"`
	// WebSocket is reloaded by SIGHUP; connections keep what was agreed on.
	WebSocket WebSocket `yaml:"websocket"`
	Stop      Stop      `yaml:"stop"`
	// Limits bound what one caller may do.
	Limits Limits `yaml:"limits"`
	// Inbox bounds what one user may take up.
	Inbox Inbox `yaml:"inbox"`
	MQTT  MQTT  `yaml:"mqtt"`
	Store Store `yaml:"store"`
	// Audit bounds the audit log.
	Audit Audit `yaml:"audit"`
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

// An AppConfig is one app with its own keys, users and verifiers.
type AppConfig struct {
	Name  string `yaml:"name"`
	Token Token  `yaml:"token"`
}

// A Token says how user tokens (JWT) of one app are verified: by a secret, a
// public key or a JWKS URL. None of them: the app takes no user tokens.
type Token struct {
	// Secret is for HS256, at least 32 bytes.
	Secret transports.Secret `yaml:"secret"`
	// PublicKey is PEM text, PublicKeyFile a file with it: RSA, P-256 or Ed25519.
	PublicKey     string `yaml:"public_key"`
	PublicKeyFile string `yaml:"public_key_file"`
	// JWKSURL is an https URL, or http on loopback.
	JWKSURL string `yaml:"jwks_url"`
	// Issuer is what iss must be, Audience what aud must contain; empty: any.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
}

// isSet tells whether any token can be verified.
func (t Token) isSet() bool {
	return !t.Secret.IsZero() || t.PublicKey != "" || t.PublicKeyFile != "" || t.JWKSURL != ""
}

// Log says how to log, on standard error.
type Log struct {
	Format string `yaml:"format"` // text or json
	Level  string `yaml:"level"`  // debug, info, warn or error; reloaded by SIGHUP
}

// Server bounds how long an HTTP connection may take over a request.
type Server struct {
	ReadTimeout  Duration `yaml:"read_timeout"`  // of a whole request
	WriteTimeout Duration `yaml:"write_timeout"` // of what is written at once
	IdleTimeout  Duration `yaml:"idle_timeout"`  // between requests
	Concurrency  int      `yaml:"concurrency"`   // requests under way at a time
}

// WebSocket says what may be agreed on with WebSocket clients.
type WebSocket struct {
	Compression bool `yaml:"compression"` // permessage-deflate, for clients that ask for it
}

// Stop says how a server stops.
type Stop struct {
	// Notice is how long the server goes on as before after readyz says no, so
	// that a load balancer can notice.
	Notice Duration `yaml:"notice"`
	// Drain is the time over which clients are sent away, so that they do not
	// all come back at once elsewhere.
	Drain Duration `yaml:"drain"`
	// Timeout is what the whole may take; then it ends as it is.
	Timeout Duration `yaml:"timeout"`
}

// Limits are those of transports.Limits. 0 takes the default, -1 is no limit.
// Reloaded by SIGHUP, but for the number of connections.
type Limits struct {
	RequestsPerAddress    float64  `yaml:"requests_per_address"` // per second
	RequestBurst          int      `yaml:"request_burst"`
	FailuresPerAddress    float64  `yaml:"failures_per_address"` // bad credentials, per second
	FailureBurst          int      `yaml:"failure_burst"`
	DoubtedTokens         float64  `yaml:"doubted_tokens"`    // per second, of all addresses with too many bad ones
	PublishesPerKey       float64  `yaml:"publishes_per_key"` // messages per second
	PublishBurst          int      `yaml:"publish_burst"`
	TokenLifetime         Duration `yaml:"token_lifetime"` // from iat to exp
	TokenLeeway           Duration `yaml:"token_leeway"`   // by which issuers' clocks may differ
	ConnectionsPerAddress int      `yaml:"connections_per_address"`
	SocketsPerAddress     int      `yaml:"sockets_per_address"` // connections, before anybody has said who calls
	Connections           int      `yaml:"connections"`         // in all; 0: by the process's descriptors
	WaitingPerAddress     Size     `yaml:"waiting_per_address"` // until clients read it
	WaitingPerUser        Size     `yaml:"waiting_per_user"`    // likewise
	WriteStall            Duration `yaml:"write_stall"`         // without a byte that a client takes
	Subscriptions         int      `yaml:"subscriptions"`       // to topics, of a WebSocket or an event stream
	Header                Size     `yaml:"header"`              // of a request's head
	Body                  Size     `yaml:"body"`                // of a request's body
	Batch                 Size     `yaml:"batch"`               // of a batch's body
	Line                  Size     `yaml:"line"`                // of one line of a batch
	Frame                 Size     `yaml:"frame"`               // of a message from a WebSocket client
	Topic                 Size     `yaml:"topic"`               // of a message that is published to a topic
	Batches               int      `yaml:"batches"`             // under way at a time
	AppBatches            int      `yaml:"app_batches"`         // likewise of one app
	BatchRate             Size     `yaml:"batch_rate"`          // that a batch must bring each second while it is waited for
}

// Inbox are the actors' limits.
type Inbox struct {
	Messages     int      `yaml:"messages"`
	MessageAge   Duration `yaml:"message_age"`
	Size         Size     `yaml:"size"`
	RetainEvents int      `yaml:"retain_events"` // for clients that resume
	RetainAge    Duration `yaml:"retain_age"`
	RetainSize   Size     `yaml:"retain_size"`
	Connections  int      `yaml:"connections"`
}

// MQTT are the settings of MQTT: those of mqtt.Config, and of actors.Limits as
// far as they bound what outlives a connection. -1 is no limit, or none.
type MQTT struct {
	Listen    string `yaml:"listen"`     // host:port; empty: no MQTT over TCP
	ListenTLS string `yaml:"listen_tls"` // likewise, with the certificate of tls

	ConnectTimeout Duration `yaml:"connect_timeout"`
	ConnectSize    Size     `yaml:"connect_size"`
	PacketSize     Size     `yaml:"packet_size"`
	ReceiveMaximum int      `yaml:"receive_maximum"`
	SendMaximum    int      `yaml:"send_maximum"`
	AliasesIn      int      `yaml:"aliases_in"`
	AliasesOut     int      `yaml:"aliases_out"`
	KeepAlive      Duration `yaml:"keep_alive"`
	SessionExpiry  Duration `yaml:"session_expiry"`
	Subscriptions  int      `yaml:"subscriptions"`
	FilterSize     Size     `yaml:"filter_size"`
	FilterLevels   int      `yaml:"filter_levels"`
	TopicSize      Size     `yaml:"topic_size"`
	TopicLevels    int      `yaml:"topic_levels"`
	ClientIDSize   Size     `yaml:"client_id_size"`
	QueueMessages  int      `yaml:"queue_messages"`
	QueueSize      Size     `yaml:"queue_size"`
	Publishes      float64  `yaml:"publishes"` // of a connection, per second
	PublishBurst   int      `yaml:"publish_burst"`
	Sessions       int      `yaml:"sessions"`        // of a user, that outlive their connections
	SessionsOfApp  int      `yaml:"sessions_of_app"` // of all users of an app
	Retained       int      `yaml:"retained"`        // messages of a user
	RetainedSize   Size     `yaml:"retained_size"`
	RetainedOfUser Size     `yaml:"retained_of_user"` // of all of one user
	RetainedOfApp  Size     `yaml:"retained_of_app"`  // of all of one app
	RetainedAge    Duration `yaml:"retained_age"`
	SessionsSize   Size     `yaml:"sessions_size"` // of what waits for all sessions of a user

	SessionsSizeOfApp Size `yaml:"sessions_size_of_app"` // and for those of all users of an app

	// PasswordFile is a file of user names and passwords. What is in it is
	// reloaded by SIGHUP, and so are these settings.
	PasswordFile     string   `yaml:"password_file"`
	PasswordTopics   []string `yaml:"password_topics"`
	PasswordHashings int      `yaml:"password_hashings"` // at a time; 0: half as many as there are cores

	Anonymous       bool     `yaml:"anonymous"`
	AnonymousTopics []string `yaml:"anonymous_topics"`
	RefusedFilters  []string `yaml:"refused_filters"`

	ServerReference string `yaml:"server_reference"` // told to clients of MQTT 5 when this server goes down
}

// Store are the settings of the store: the embedded one in the data directory
// or, if a URL is given, a database.
type Store struct {
	// URL names a PostgreSQL database; empty: the embedded store.
	URL        transports.Secret `yaml:"url"`
	Committers int               `yaml:"committers"` // commits under way in the database
	Readers    int               `yaml:"readers"`    // connections for reads
	Timeout    Duration          `yaml:"timeout"`    // of a commit or a read in the database

	// EraseWithin is how soon what nobody needs any more is off the disk.
	EraseWithin Duration `yaml:"erase_within"`

	Cache      Size `yaml:"cache"`       // of blocks read from disk
	MemTable   Size `yaml:"mem_table"`   // of what is not yet in tables
	QueueSize  Size `yaml:"queue_size"`  // of what waits for a commit; more is refused as busy
	OpenFiles  int  `yaml:"open_files"`  // of tables
	BatchSize  Size `yaml:"batch_size"`  // of one commit
	QueueCount int  `yaml:"queue_count"` // writes that wait for a commit
	LowDisk    Size `yaml:"low_disk"`    // of the disk that is to be free; 0: 1GiB or a tenth of a smaller disk, -1: none
}

// Audit bounds the audit log, which is in the store.
type Audit struct {
	Keep Duration `yaml:"keep"` // how long entries are kept
	Size Size     `yaml:"size"` // of all entries
}

// Cluster says how a server finds others and lets itself be found. It is part
// of a cluster if Join or Bind is set.
type Cluster struct {
	// Join are addresses of other servers' gossip, host:port.
	Join []string `yaml:"join"`
	// Bind is the address of this server's gossip, UDP and TCP; Advertise where
	// the others reach it.
	Bind      string `yaml:"bind"`
	Advertise string `yaml:"advertise"`
	// Peers is the address at which other servers' links are taken, TCP;
	// AdvertisePeers where they reach it.
	Peers          string `yaml:"peers"`
	AdvertisePeers string `yaml:"advertise_peers"`
	// Key is the cluster's secret: 32 bytes in base64 or hexadecimal.
	Key transports.Secret `yaml:"key"`
	// Name keeps clusters apart.
	Name string `yaml:"name"`
	// TLS are certificates for the links, in place of those that are derived
	// from Key.
	TLS LinkTLS `yaml:"tls"`
}

// LinkTLS names the PEM files of links' certificates: all or none.
type LinkTLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

// isSet tells whether the server is part of a cluster.
func (c Cluster) isSet() bool { return len(c.Join) > 0 || c.Bind != "" }

// Default returns the configuration of a server for which nothing was set.
func Default() Config {
	t := transports.Limits{}.WithDefaults()
	a, err := actors.Limits{}.WithDefaults()
	if err != nil {
		panic(err) // the zero value is documented as good
	}
	m, err := mqtt.Config{}.WithDefaults()
	if err != nil {
		panic(err) // likewise
	}
	tokens := auth.TokenRules{}.WithDefaults()
	audit := transports.AuditConfig{}.WithDefaults()
	return Config{
		HTTP: "127.0.0.1:7777",
		Data: "data",
		Log:  Log{Format: "text", Level: "info"},
		Server: Server{
			ReadTimeout: Duration(10 * time.Second), WriteTimeout: Duration(30 * time.Second),
			IdleTimeout: Duration(2 * time.Minute), Concurrency: 100_000,
		},
		Stop: Stop{Drain: Duration(5 * time.Second), Timeout: Duration(30 * time.Second)},
		Limits: Limits{
			RequestsPerAddress: t.RequestsPerAddress, RequestBurst: t.RequestBurst,
			FailuresPerAddress: t.FailuresPerAddress, FailureBurst: t.FailureBurst, DoubtedTokens: t.DoubtedTokens,
			PublishesPerKey: t.PublishesPerKey, PublishBurst: t.PublishBurst,
			TokenLifetime: Duration(tokens.MaxLifetime), TokenLeeway: Duration(tokens.Leeway),
			SocketsPerAddress: 2000,
			WaitingPerAddress: Size(t.WaitingPerAddress), WaitingPerUser: Size(t.WaitingPerUser), WriteStall: Duration(10 * time.Second),
			ConnectionsPerAddress: t.ConnectionsPerAddress, Subscriptions: t.Subscriptions,
			Header: Size(t.MaxHeader), Body: Size(t.MaxBody), Batch: Size(t.MaxBatch), Line: Size(t.MaxLine), Frame: Size(t.MaxFrame),
			Topic: Size(a.TopicBytes), Batches: 64, AppBatches: 32, BatchRate: 1 << 10,
		},
		Inbox: Inbox{
			Messages: a.Messages, MessageAge: Duration(a.MessageAge), Size: Size(a.InboxBytes),
			RetainEvents: a.RetainEvents, RetainAge: Duration(a.RetainAge), RetainSize: Size(a.RetainBytes),
			Connections: a.Connections,
		},
		MQTT: MQTT{
			ConnectTimeout: Duration(m.ConnectTimeout), ConnectSize: Size(m.ConnectBytes), PacketSize: Size(m.PacketBytes),
			ReceiveMaximum: m.ReceiveMaximum, SendMaximum: m.SendMaximum, AliasesIn: m.AliasesIn, AliasesOut: m.AliasesOut,
			KeepAlive: Duration(m.KeepAlive), SessionExpiry: Duration(m.SessionExpiry), Subscriptions: m.Subscriptions,
			FilterSize: Size(m.FilterBytes), FilterLevels: m.FilterLevels, TopicSize: Size(m.TopicBytes), TopicLevels: m.TopicLevels, ClientIDSize: Size(m.ClientIDBytes),
			QueueMessages: m.QueueMessages, QueueSize: Size(m.QueueBytes), Publishes: m.PublishesPerSecond, PublishBurst: m.PublishBurst,
			Sessions: a.Sessions, Retained: a.Retained, RetainedSize: Size(a.RetainedBytes),
			RetainedOfUser: Size(a.RetainedOfUser), RetainedOfApp: Size(a.RetainedOfApp), RetainedAge: Duration(a.RetainedAge),
			SessionsSize: Size(a.SessionsBytes), SessionsOfApp: a.SessionsOfApp, SessionsSizeOfApp: Size(a.SizeOfApp),
		},
		Store: Store{
			Cache: 4 << 20, MemTable: 16 << 20, QueueSize: 64 << 20, OpenFiles: 1000,
			BatchSize: 8 << 20, QueueCount: 1 << 16,
			Committers: 2, Readers: 8, Timeout: Duration(10 * time.Second), EraseWithin: Duration(a.EraseWithin),
		},
		Audit:   Audit{Keep: Duration(audit.Keep), Size: Size(audit.Size)},
		Cluster: Cluster{Name: "reddot"},
	}
}
