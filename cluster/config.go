package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/cluster/membership"
)

// Config says how a node behaves. The zero value of a field means its default.
type Config struct {
	// Kinds are the kinds of actors that the node runs.
	Kinds    actors.Kinds
	Limits   actors.Limits
	Idle     time.Duration // an actor without a message for so long is put to sleep; default 1 minute
	Timers   time.Duration // how often timers are looked for; default 250 ms
	Loaders  int           // how many actors are read from the journal at a time; default 4 a processor
	Gateways int           // default one a processor
	Awake    int           // users who keep their inboxes in memory for a while though nothing happens; default 2,000
	Presence actors.PresenceEvents
	Log      *slog.Logger // default: nowhere
	Metrics  prometheus.Registerer
	Now      func() int64 // the wall clock, unix milliseconds; default: the machine's
	// Name names this node as it was started, once: who took a shard. Default:
	// the host, the process and a random number.
	Name string
	// Fenced is told each time that the store refuses a write because another
	// node has taken the shard; nil: nobody is.
	Fenced func(actors.Fence)
	// Cluster lets the node join others. Nil: it is alone, and owns all shards.
	Cluster *ClusterConfig
	// Listen opens the port for links. It decides what an Accept that fails means:
	// an error from it ends the node. Nil: a plain TCP listener.
	Listen func(ctx context.Context, addr string) (net.Listener, error)
	// Program is this program's version, for people.
	Program string
	// Failed is told why a node of a cluster can't go on. Nil: nobody is.
	Failed func(error)
	// Changed is told what another node has said by NotifyChanged, or "link" when a
	// link has come up, and so something may have been missed. It may block. Nil: nobody is.
	Changed func(what string)
}

func (c *Config) check() error {
	limits, err := c.Limits.WithDefaults()
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	c.Limits = limits
	for _, f := range []struct {
		name string
		p    *time.Duration
		def  time.Duration
	}{{"idle", &c.Idle, time.Minute}, {"timers", &c.Timers, 250 * time.Millisecond}} {
		if *f.p < 0 {
			return fmt.Errorf("%s: %v is below zero", f.name, *f.p)
		}
		if *f.p == 0 {
			*f.p = f.def
		}
	}
	if c.Loaders <= 0 {
		c.Loaders = 4 * runtime.GOMAXPROCS(0)
	}
	if c.Gateways <= 0 {
		c.Gateways = runtime.GOMAXPROCS(0)
	}
	if c.Awake <= 0 {
		c.Awake = 2000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		c.Name = fmt.Sprintf("%s/%d/%08x", host, os.Getpid(), rand.Uint32())
	}
	if c.Cluster != nil {
		if err := c.Cluster.check(); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if c.Listen == nil {
		c.Listen = func(ctx context.Context, addr string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", addr)
		}
	}
	if c.Now == nil {
		c.Now = func() int64 { return time.Now().UnixMilli() }
	}
	return nil
}

// A ClusterConfig says how a node finds others and lets itself be found.
type ClusterConfig struct {
	// Name keeps clusters apart that can reach each other. Default: reddot.
	Name string `yaml:"name"`
	// Bind is the address of the gossip, UDP and TCP. Port 0 takes a free one.
	Bind string `yaml:"bind"`
	// Advertise is where the others reach Bind, host:port; empty: at Bind.
	Advertise string `yaml:"advertise"`
	// Peers is the address at which links are taken. Default: the host of
	// Bind, and a free port.
	Peers string `yaml:"peers"`
	// AdvertisePeers is where the others reach Peers, host:port; empty: at the
	// host of Advertise or Bind.
	AdvertisePeers string `yaml:"advertise_peers"`
	// Join are the addresses of some nodes' gossip, host:port; host may be a
	// DNS name. They need not be there yet.
	Join []string `yaml:"join"`
	// Key is the secret of the cluster, 32 bytes: gossip is encrypted with it,
	// and links use certificates that are derived from it. Empty: plain text,
	// on loopback only.
	Key []byte
	// TLS are the certificates of links, in place of derived ones.
	TLS LinkTLS `yaml:"tls"`
	// Settings returns those settings of this node that concern the others, by
	// which they compare themselves when they link. Nil: none.
	Settings func() []Setting
}

// A Setting is one that nodes compare.
type Setting struct {
	Name  string // as people know it
	Value string // or a digest of it
	// Alike is set where two nodes that differ would harm each other: they do not
	// link. Else a difference is logged.
	Alike bool
}

// WithDefaults returns c with defaults in the place of zeros, but for addresses, which
// follow from each other.
func (c ClusterConfig) WithDefaults() ClusterConfig {
	if c.Name == "" {
		c.Name = "reddot"
	}
	return c
}

func (c *ClusterConfig) check() error {
	*c = c.WithDefaults()
	if len(c.Name) > 64 {
		return errors.New("name: longer than 64 bytes")
	}
	if len(c.Key) != 0 && len(c.Key) != keyLen {
		return fmt.Errorf("key: %d bytes, want %d", len(c.Key), keyLen)
	}
	host, _, err := membership.SplitAddr(c.Bind)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if len(c.Key) == 0 && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("key: without a key nodes talk in plain text, and %s is not on loopback", c.Bind)
	}
	if c.Peers == "" {
		c.Peers = net.JoinHostPort(host, "0")
	}
	return nil
}

// gossipKey returns the key of the gossip's encryption; nil: none.
func (c *ClusterConfig) gossipKey() []byte {
	if len(c.Key) == 0 {
		return nil
	}
	key, err := derive(c.Key, "gossip")
	if err != nil {
		panic(err) // a hash of a fixed length has enough bytes
	}
	return key
}

// keyPrint tells the cluster's key from others, and does not tell it; nil: there
// is none.
func (c *ClusterConfig) keyPrint() []byte {
	if len(c.Key) == 0 {
		return nil
	}
	b, err := derive(c.Key, "print")
	if err != nil {
		panic(err) // a hash of a fixed length has enough bytes
	}
	return b[:8]
}

// Store is what a node needs of a store.
type Store interface {
	actors.Journal
	actors.Lookup
	actors.Fences
}
