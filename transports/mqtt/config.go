package mqtt

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// Config bounds what clients may do. The zero value of a field means its
// default.
type Config struct {
	ConnectTimeout time.Duration `yaml:"connect_timeout"`           // from the connection to CONNECT, handshakes included; default 10 s
	ConnectBytes   int           `yaml:"connect_size" unit:"bytes"` // of a CONNECT; default 64 KiB
	PacketBytes    int           `yaml:"packet_size" unit:"bytes"`  // of any other packet, announced; default 256 KiB, at most 16 MiB

	ReceiveMaximum int `yaml:"receive_maximum"` // messages of a client that are not acknowledged, or with 3.1.1 not released, announced; default 64
	SendMaximum    int `yaml:"send_maximum"`    // messages to a client that it has not acknowledged; it may want fewer; default 64
	AliasesIn      int `yaml:"aliases_in"`      // topic aliases that a client may set, announced; default 16; negative: none
	AliasesOut     int `yaml:"aliases_out"`     // that the server sets; the client may want fewer; default 16; negative: none

	KeepAlive     time.Duration `yaml:"keep_alive"`     // the longest; clients of MQTT 5 that want a longer one or none are told it; default 30 min
	SessionExpiry time.Duration `yaml:"session_expiry"` // how long sessions outlive their connections at most; default 7 days; negative: not at all

	Subscriptions int `yaml:"subscriptions"`               // of a session; default 100
	FilterBytes   int `yaml:"filter_size" unit:"bytes"`    // of a filter; default 512
	FilterLevels  int `yaml:"filter_levels"`               // of a filter; default 16
	TopicBytes    int `yaml:"topic_size" unit:"bytes"`     // of a topic that is published to; default 1,024
	TopicLevels   int `yaml:"topic_levels"`                // of such a topic; default 128
	ClientIDBytes int `yaml:"client_id_size" unit:"bytes"` // default 256
	QueueMessages int `yaml:"queue_messages"`              // that wait for a session that is connected; default 1,000
	QueueBytes    int `yaml:"queue_size" unit:"bytes"`     // of those; default 4 MiB

	// Packets a second of a connection, its acknowledgements not counted, and how
	// many may come at once; each filter of a SUBSCRIBE counts as 10. Default
	// 1,000 and 2,000; negative: no limit.
	PublishesPerSecond float64 `yaml:"publishes"`
	PublishBurst       int     `yaml:"publish_burst"`

	// Anonymous lets clients in without a token: the user is the user name, or
	// else is made of the client identifier.
	Anonymous bool `yaml:"anonymous"`
	// AnonymousTopics are the patterns of the topics that those may read and
	// write.
	AnonymousTopics []string `yaml:"anonymous_topics"`
	// RefusedFilters are filters to which nobody may subscribe.
	RefusedFilters []string `yaml:"refused_filters"`
	// ServerReference is where clients of MQTT 5 are told to go when this server
	// goes down (MQTT 5, 4.11), as host:port; several with blanks. Empty: nowhere.
	ServerReference string `yaml:"server_reference"`
}

// maxReference is how long a ServerReference may be.
const maxReference = 1024

// maxPacketBytes is the largest packet that may be allowed.
const maxPacketBytes = 16 << 20

// WithDefaults returns c with defaults in the place of zeros, or an error that
// names the field that makes no sense.
func (c Config) WithDefaults() (Config, error) {
	for _, f := range []struct {
		name     string
		p        *int
		def, max int
	}{
		{"connect_size", &c.ConnectBytes, 64 << 10, maxPacketBytes},
		{"packet_size", &c.PacketBytes, 256 << 10, maxPacketBytes},
		{"receive_maximum", &c.ReceiveMaximum, 64, 65_535},
		{"send_maximum", &c.SendMaximum, 64, 65_535},
		{"subscriptions", &c.Subscriptions, 100, 1 << 20},
		{"filter_size", &c.FilterBytes, transports.MaxFilter, packet.MaxString},
		{"filter_levels", &c.FilterLevels, transports.MaxFilterLevels, packet.MaxString},
		{"topic_size", &c.TopicBytes, transports.MaxTopic, packet.MaxString},
		{"topic_levels", &c.TopicLevels, transports.MaxTopicLevels, packet.MaxString},
		{"client_id_size", &c.ClientIDBytes, 256, packet.MaxString},
		{"queue_messages", &c.QueueMessages, 1000, 1 << 20},
		{"queue_size", &c.QueueBytes, 4 << 20, 1 << 30},
		{"publish_burst", &c.PublishBurst, 2000, 1 << 30},
	} {
		if *f.p == 0 {
			*f.p = f.def
		}
		if *f.p < 1 || *f.p > f.max {
			return c, fmt.Errorf("%s: %d is not between 1 and %d", f.name, *f.p, f.max)
		}
	}
	for _, f := range []struct {
		name string
		p    *int
	}{{"aliases_in", &c.AliasesIn}, {"aliases_out", &c.AliasesOut}} {
		switch {
		case *f.p == 0:
			*f.p = 16
		case *f.p < 0:
			*f.p = 0
		case *f.p > 65_535:
			return c, fmt.Errorf("%s: %d is more than 65535", f.name, *f.p)
		}
	}
	return c.withTimes()
}

func (c Config) withTimes() (Config, error) {
	for _, f := range []struct {
		name string
		p    *time.Duration
		def  time.Duration
		max  time.Duration
	}{
		{"connect_timeout", &c.ConnectTimeout, 10 * time.Second, time.Hour},
		{"keep_alive", &c.KeepAlive, 30 * time.Minute, 65_535 * time.Second},
		{"session_expiry", &c.SessionExpiry, 7 * 24 * time.Hour, (math.MaxUint32 - 1) * time.Second},
	} {
		if *f.p == 0 {
			*f.p = f.def
		}
		if *f.p > f.max || *f.p < time.Second && f.name != "session_expiry" {
			return c, fmt.Errorf("%s: %v is not between 1s and %v", f.name, *f.p, f.max)
		}
	}
	c.SessionExpiry = max(c.SessionExpiry, 0)
	if len(c.ServerReference) > maxReference || !utf8.ValidString(c.ServerReference) || strings.ContainsFunc(c.ServerReference, unicode.IsControl) {
		return c, fmt.Errorf("server_reference: it is longer than %d bytes, or no plain text", maxReference)
	}
	if c.PublishesPerSecond == 0 {
		c.PublishesPerSecond = 1000
	}
	for _, list := range [][]string{c.AnonymousTopics, c.RefusedFilters} {
		for _, f := range list {
			if !packet.ValidFilter(f) {
				return c, fmt.Errorf("%q is no topic filter", f)
			}
		}
	}
	return c, nil
}
