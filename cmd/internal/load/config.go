package load

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"reddot/cmd/internal/load/http1"
)

// A Transport is the way in which connections receive.
type Transport string

// The transports of the API.
const (
	Poll     Transport = "poll"
	LongPoll Transport = "longpoll"
	Iframe   Transport = "iframe"
	SSE      Transport = "sse"
	WS       Transport = "ws"
	MQTT     Transport = "mqtt" // 3.1.1 over TCP
)

// An Audience says whom a broadcast is for.
type Audience string

// The audiences of a broadcast.
const (
	AudienceAll   Audience = "all"   // {"to":{"all":true}}: each user has counts of its own
	AudienceUser  Audience = "user"  // one user holds every connection
	AudienceTopic Audience = "topic" // one live topic, by SSE or WebSocket

	AudienceFollowers Audience = "followers" // {"to":{"topic":…}}: every other user follows it
	AudienceSegment   Audience = "segment"   // {"to":{"segment":…}}: every other user matches it
)

// Errors of Run.
var (
	// ErrConfig says that a Config makes no sense.
	ErrConfig = errors.New("load: bad configuration")
	// ErrStalled says that a phase did not come to its end in time.
	ErrStalled = errors.New("load: no progress")
)

// Config says what to run, and against what. Zero values are good but for URLs.
type Config struct {
	// Scenario is the name of what to run; see Scenarios. Default: unicast.
	Scenario string
	// URLs are the servers, http or https, used in turn by connections and
	// publishers. At least one.
	URLs []string
	// Token is the server key or user token, sent as Bearer. Default: none,
	// as for `reddot serve --dev`.
	Token string
	// Insecure accepts any certificate of an https server.
	Insecure bool

	// Broker is the mqtt:// URL of the same server, which the transport mqtt
	// needs.
	Broker string
	// PingEvery is after how long MQTT's clients say that they are alive.
	// Default: 45 s.
	PingEvery time.Duration
	// QoS is that of MQTT's subscriptions, and of what is published by MQTT: 0
	// or 1. What is published with QoS 0 is not answered; a publisher then has
	// one message under way until it has reached all.
	QoS int
	// Topics has messages go to live topics instead of inboxes, in idle, unicast
	// and broadcast: one a user, and in broadcast one for all. Any broker of
	// MQTT can do that.
	Topics bool
	// PublishBy says how topics are published to: http or mqtt. Default: mqtt, if
	// that is the Transport.
	PublishBy string
	// Rival is the mqtt:// URL of another broker, which is measured in turn with
	// the server, and RivalPIDs its processes, if they run here.
	Rival     string
	RivalPIDs []int

	// Transport of the connections. Default: sse.
	Transport Transport
	// Users is the number of distinct users. Default: 1,000.
	Users int
	// Connections is the number of connections a user. Default: 1, and none in
	// the scenario durable; negative: none.
	Connections int
	// Publishers is the number of connections that publish, each with one
	// request under way. Default: 32. One alone publishes where nothing is
	// answered and all listen to the same topic, so that its order is known.
	Publishers int
	// Rate is the number of messages a second, sent on schedule whether or not
	// answers come (open loop). Default 0: as fast as answers come (closed loop).
	Rate float64
	// BodySize is the length of a message's body in bytes, 64 to 65,536.
	// Default: 128.
	BodySize int
	// Batch is the number of messages in an NDJSON request to
	// /v1/messages/batch. Default 0: no batches, one request a message.
	Batch int
	// Audience and Window belong to the scenario broadcast: for whom, and how
	// many broadcasts are under way at a time. Defaults: all, 2.
	Audience Audience
	Window   int
	// Stored is how many users there are besides in a broadcast, who are away, and
	// Woken how many of them are read at the end: their counts must be exact.
	// Defaults: 0, and up to 10,000.
	Stored, Woken int
	// Singles is how many messages a second go to one user each beside broadcasts,
	// and for as long as those before them. Default: 0.
	Singles float64
	// Missed is the number of messages that each user misses while away, in the
	// scenario storm. Default: 3.
	Missed int
	// Slow is the number of users that never read, and SlowBytes what is sent
	// to each user, in the scenario slow. Defaults: a tenth, 12 MB.
	Slow      int
	SlowBytes int

	// Duration is how long is measured. Default: 10 s.
	Duration time.Duration
	// WarmUp goes before, unmeasured. Default: 2 s; negative: none.
	WarmUp time.Duration
	// Drain is how long the end waits without progress for what is still under
	// way, before it counts as lost. Default: 5 s.
	Drain time.Duration
	// Timeout of a request and of a connection's start. Default: 10 s.
	Timeout time.Duration
	// PollEvery is the pause of transport poll. Default: 1 s.
	PollEvery time.Duration
	// PollWait is the time that a long poll asks for. Default: 25 s.
	PollWait time.Duration
	// Connecting is how many connections may be starting at a time. Default: 256.
	Connecting int
	// InboxLimit is the server's limit of messages in an inbox. Up to it a
	// count follows from the number of messages; beyond it messages fall out,
	// and only answers and events are compared with each other. Default: 1,000.
	InboxLimit int
	// Prefix begins the users' names. Default: "bench-<run>-", new users each
	// run; with a name of one's own the run goes on with users that exist.
	Prefix string

	// Sources are the local addresses to connect from, used in turn: one
	// address has about 28,000 ports a server. Default: the system's choice.
	Sources []string
	// Workers is the number of goroutines that share users and connections.
	// Default: 1, enough for about 50,000 messages a second.
	Workers int
	// PIDs are the servers' processes, if they run here: their CPU time and
	// memory are measured, all together. Default: they are not.
	PIDs []int
	// Floor also measures the bare write loop, in turn with the server.
	Floor bool
	// FloorCommand starts a process that calls ServeFloor with its standard
	// output. Default: this program with the argument "bench" and "--serve-floor".
	FloorCommand []string
	// Runs is how many times to measure. Default: 1.
	Runs int
	// JSON writes one JSON object a run instead of a table.
	JSON bool
}

// fill sets what was left at its zero value.
func (c *Config) fill() {
	def(&c.Scenario, "unicast")
	def(&c.Transport, SSE)
	def(&c.Audience, AudienceAll)
	def(&c.Users, 1000)
	def(&c.Publishers, 32)
	def(&c.BodySize, 128)
	def(&c.Window, 2)
	def(&c.Woken, min(c.Stored, 10_000))
	def(&c.Missed, 3)
	def(&c.Slow, max(1, c.Users/10))
	def(&c.SlowBytes, 12_000_000)
	def(&c.Duration, 10*time.Second)
	def(&c.WarmUp, 2*time.Second)
	def(&c.Drain, 5*time.Second)
	def(&c.Timeout, 10*time.Second)
	def(&c.PollEvery, time.Second)
	def(&c.PingEvery, 45*time.Second)
	def(&c.PollWait, 25*time.Second)
	def(&c.Connecting, 256)
	def(&c.InboxLimit, 1000)
	def(&c.Workers, 1)
	def(&c.Runs, 1)
	if c.Scenario == "durable" {
		def(&c.Connections, -1)
	}
	def(&c.Connections, 1)
	if c.Scenario == "broadcast" && c.Topics {
		c.Audience = AudienceTopic
	}
	c.Topics = c.Topics || c.Scenario == "broadcast" && c.Audience == AudienceTopic
	if c.Topics && c.Transport == MQTT {
		def(&c.PublishBy, "mqtt")
	}
	def(&c.PublishBy, "http")
	if c.ordered() && !c.onePerUser() {
		c.Publishers = 1
	}
	c.Connections = max(0, c.Connections)
	c.WarmUp = max(0, c.WarmUp)
}

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// check tells the first thing that makes no sense; it wraps ErrConfig.
func (c *Config) check() error {
	bad := func(field, format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrConfig, field, fmt.Sprintf(format, args...))
	}
	s, ok := scenarios[c.Scenario]
	if !ok {
		return bad("Scenario", "%q is none of %v", c.Scenario, Scenarios())
	}
	if len(c.URLs) == 0 && c.speaksHTTP() {
		return bad("URLs", "none given")
	}
	for _, u := range c.URLs {
		if _, err := http1.ParseTarget(u); err != nil {
			return bad("URLs", "%v", err)
		}
	}
	if !slices.Contains([]Transport{Poll, LongPoll, Iframe, SSE, WS, MQTT}, c.Transport) {
		return bad("Transport", "%q is none of poll, longpoll, iframe, sse, ws, mqtt", c.Transport)
	}
	if field, msg := c.checkMQTT(s); msg != "" {
		return bad(field, "%s", msg)
	}
	for _, a := range c.Sources {
		if _, err := netip.ParseAddr(a); err != nil {
			return bad("Sources", "%v", err)
		}
	}
	for _, n := range []struct {
		field         string
		val, min, max int
	}{
		{"Users", c.Users, 1, 10_000_000},
		{"Connections", c.Connections, 0, 1_000_000},
		{"Publishers", c.Publishers, 1, 10_000},
		{"BodySize", c.BodySize, 64, 65_536},
		{"Batch", c.Batch, 0, 10_000},
		{"Window", c.Window, 1, windowSlots / 2},
		{"Stored", c.Stored, 0, 10_000_000},
		{"Woken", c.Woken, 0, c.Stored},
		{"Missed", c.Missed, 1, 1000},
		{"Slow", c.Slow, 1, c.Users},
		{"SlowBytes", c.SlowBytes, c.BodySize, 1 << 30},
		{"Connecting", c.Connecting, 1, 100_000},
		{"InboxLimit", c.InboxLimit, 1, 1 << 30},
		{"Workers", c.Workers, 1, min(64, c.Users, c.Publishers)},
		{"Runs", c.Runs, 1, 1000},
		{"QoS", c.QoS, 0, 1},
	} {
		if n.val < n.min || n.val > n.max {
			return bad(n.field, "%d is not in %d..%d", n.val, n.min, n.max)
		}
	}
	for _, pid := range slices.Concat(c.PIDs, c.RivalPIDs) {
		if pid <= 0 {
			return bad("PIDs", "%d is no process", pid)
		}
	}
	for _, d := range []struct {
		field string
		val   time.Duration
	}{{"Duration", c.Duration}, {"Drain", c.Drain}, {"Timeout", c.Timeout}, {"PollEvery", c.PollEvery}, {"PollWait", c.PollWait}, {"PingEvery", c.PingEvery}} {
		if d.val <= 0 {
			return bad(d.field, "%v is not above 0", d.val)
		}
	}
	if c.PollWait > time.Minute {
		return bad("PollWait", "%v is more than a minute", c.PollWait)
	}
	if c.Rate < 0 || c.Rate > 10_000_000 {
		return bad("Rate", "%v is not in 0..10,000,000", c.Rate)
	}
	if len(c.Prefix) > 100 {
		return bad("Prefix", "more than 100 bytes")
	}
	if c.Floor && !s.floor {
		return bad("Floor", "there is none for %s", c.Scenario)
	}
	if c.Floor && c.Transport != SSE {
		return bad("Floor", "it speaks sse only")
	}
	if s.check != nil {
		if field, msg := s.check(c); msg != "" {
			return bad(field, "%s", msg)
		}
	}
	if need := c.Users*c.Connections + c.Publishers + 64; need > descriptors() {
		return bad("Connections", "%d descriptors needed, this process may hold %d", need, descriptors())
	}
	return nil
}
