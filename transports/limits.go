package transports

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
)

// Limits say how much is taken from whom. In each field 0 means the default,
// and in those of rates and numbers a negative one means no limit. Sizes always
// have one, since a buffer stands behind each, except for MaxBatch. What one user may have (an inbox, its
// connections) is in actors.Limits: it holds in the whole cluster.
type Limits struct {
	// Requests per second from one address that come with a user's token or
	// none, and how many may come at once. Server keys have limits of their
	// own: a back end is one address. Default 100 and 400.
	RequestsPerAddress float64 `yaml:"requests_per_address"`
	RequestBurst       int     `yaml:"request_burst"`

	// Tokens per second from one address that turn out bad, and how many may
	// come at once; the same for passwords. Beyond it passwords are refused, and
	// tokens doubted. Default 5 and 50.
	FailuresPerAddress float64 `yaml:"failures_per_address"`
	FailureBurst       int     `yaml:"failure_burst"`

	// Tokens per second of all doubted addresses that are looked at; of one at
	// most a quarter. Default 1,000.
	DoubtedTokens float64 `yaml:"doubted_tokens"`

	// Messages per second published with one server key, each of a batch
	// counted, and how many may come at once. Default 50,000 and 100,000.
	PublishesPerKey float64 `yaml:"publishes_per_key"`
	PublishBurst    int     `yaml:"publish_burst"`

	// Connections that stay (SSE, WebSocket, iframe, parked long polls, MQTT),
	// from one address to this node. Default 1,000.
	ConnectionsPerAddress int `yaml:"connections_per_address"`

	// Bytes that wait in memory until clients read them, streams and answers
	// alike: from one address and of one user. A server key may have as many as
	// an address. Default 64 MiB and 16 MiB.
	WaitingPerAddress int `yaml:"waiting_per_address" unit:"bytes"`
	WaitingPerUser    int `yaml:"waiting_per_user" unit:"bytes"`

	// Addresses and keys whose rates are remembered. The least recently seen
	// are forgotten, and begin anew with a full burst. Default 65,536; without
	// a limit 2^20.
	Remembered int

	// Topics that one WebSocket or event stream may subscribe to. Default 100;
	// without a limit 2^16.
	Subscriptions int `yaml:"subscriptions"`

	MaxHeader int `yaml:"header" unit:"bytes"` // bytes of a request's head; default 8 KiB
	MaxBody   int `yaml:"body" unit:"bytes"`   // bytes of a request's body; default 1 MiB
	MaxBatch  int `yaml:"batch" unit:"bytes"`  // bytes of a streamed batch; default 64 MiB; negative: no limit
	MaxLine   int `yaml:"line" unit:"bytes"`   // bytes of one line of a batch; default 256 KiB
	MaxFrame  int `yaml:"frame" unit:"bytes"`  // bytes of a message from a WebSocket client; default 64 KiB

	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	// None: the peer of the TCP connection is the client.
	TrustedProxies []netip.Prefix
}

// WithDefaults returns the limits with numbers in all fields: a default for a
// zero, and the largest number, or for a rate +Inf, for no limit.
func (l Limits) WithDefaults() Limits {
	l.RequestsPerAddress = rateOr(l.RequestsPerAddress, 100)
	l.RequestBurst = numberOr(l.RequestBurst, 400)
	l.FailuresPerAddress = rateOr(l.FailuresPerAddress, 5)
	l.FailureBurst = numberOr(l.FailureBurst, 50)
	l.DoubtedTokens = rateOr(l.DoubtedTokens, 1000)
	l.PublishesPerKey = rateOr(l.PublishesPerKey, 50_000)
	l.PublishBurst = numberOr(l.PublishBurst, 100_000)
	l.ConnectionsPerAddress = numberOr(l.ConnectionsPerAddress, 1_000)
	l.WaitingPerAddress = numberOr(l.WaitingPerAddress, 64<<20)
	l.WaitingPerUser = numberOr(l.WaitingPerUser, 16<<20)
	l.Remembered = min(numberOr(l.Remembered, 1<<16), 1<<20)
	l.Subscriptions = min(numberOr(l.Subscriptions, 100), 1<<16)
	l.MaxHeader = numberOr(l.MaxHeader, 8<<10)
	l.MaxBody = numberOr(l.MaxBody, 1<<20)
	l.MaxBatch = numberOr(l.MaxBatch, 64<<20)
	l.MaxLine = numberOr(l.MaxLine, 256<<10)
	l.MaxFrame = numberOr(l.MaxFrame, 64<<10)
	return l
}

// Dev returns the limits of dev mode: none per address or key. Those of sizes
// stay, since a parser's bound has nothing to do with trust.
func (l Limits) Dev() Limits {
	l.RequestsPerAddress, l.FailuresPerAddress, l.PublishesPerKey = -1, -1, -1
	l.ConnectionsPerAddress, l.WaitingPerAddress, l.WaitingPerUser = -1, -1, -1
	return l
}

// Check refuses limits that contradict themselves.
func (l Limits) Check() error {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"MaxHeader", l.MaxHeader}, {"MaxBody", l.MaxBody}, {"MaxLine", l.MaxLine}, {"MaxFrame", l.MaxFrame}} {
		if size.bytes < 0 {
			return fmt.Errorf("limits: %s is below zero, and there must be a limit", size.name)
		}
	}
	for _, r := range []float64{l.RequestsPerAddress, l.FailuresPerAddress, l.DoubtedTokens, l.PublishesPerKey} {
		if math.IsNaN(r) {
			return errors.New("limits: a rate is not a number")
		}
	}
	if d := l.WithDefaults(); d.MaxLine > d.MaxBatch {
		return errors.New("limits: MaxLine is above MaxBatch")
	}
	return nil
}

func numberOr(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt
	default:
		return n
	}
}

func rateOr(r, def float64) float64 {
	switch {
	case r == 0:
		return def
	case r < 0:
		return math.Inf(1)
	default:
		return r
	}
}

// SetDefault sets v to the default if it is zero.
func SetDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
