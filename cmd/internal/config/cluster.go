package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"

	"reddot/cluster"
)

// clusterPort is the gossip's where none is given; links take the next.
const clusterPort = 7778

// checkCluster tells what is wrong with the cluster's settings.
func (c Config) checkCluster() []error {
	if !c.Cluster.isSet() {
		return nil
	}
	var errs []error
	add := func(path string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("cluster.%s: %w", path, err))
		}
	}
	if c.Store.URL.IsZero() {
		errs = append(errs, fmt.Errorf("cluster: its servers share one database, and the embedded store in %s belongs to one process; set store.url (--store postgres://…)", c.Data))
	}
	if c.Cluster.Bind != "" {
		add("bind", checkAddress(c.Cluster.Bind))
	}
	if c.Cluster.Peers != "" {
		add("peers", checkAddress(c.Cluster.Peers))
	}
	for path, addr := range map[string]string{"advertise": c.Cluster.Advertise, "advertise_peers": c.Cluster.AdvertisePeers} {
		if addr != "" {
			add(path, checkReachable(addr))
		}
	}
	for _, addr := range c.Cluster.Join {
		add("join", checkReachable(addr))
	}
	_, err := c.clusterKey()
	add("key", err)
	if t := c.Cluster.TLS; (t.Cert == "") != (t.Key == "") || (t.Cert == "") != (t.CA == "") {
		add("tls", errors.New("give all of cert, key and ca, or none"))
	}
	if len(c.Cluster.Name) == 0 || len(c.Cluster.Name) > 64 {
		add("name", errors.New("want 1 to 64 bytes"))
	}
	return errs
}

// checkReachable checks an address that others connect to.
func checkReachable(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return fmt.Errorf("%q is no address; write host:port, as db1.example.com:%d", addr, clusterPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q has no port between 1 and 65535", addr)
	}
	return nil
}

// clusterKey returns the cluster's secret; nil: none.
func (c Config) clusterKey() ([]byte, error) {
	text := c.Cluster.Key.Reveal()
	if text == "" {
		if c.Dev && (c.Cluster.Bind == "" || loopback(c.Cluster.Bind)) {
			return nil, nil
		}
		return nil, errors.New("give all servers the same one, as of: openssl rand -base64 32 (only with dev, on loopback, none is needed)")
	}
	for _, decode := range []func(string) ([]byte, error){base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, hex.DecodeString} {
		if key, err := decode(text); err == nil && len(key) == 32 {
			return key, nil
		}
	}
	return nil, errors.New("want 32 bytes in base64 or hexadecimal, as of: openssl rand -base64 32")
}

// Node returns the settings of a node in a cluster; nil: it is alone.
func (c *Config) Node() (*cluster.ClusterConfig, error) {
	if !c.Cluster.isSet() {
		return nil, nil
	}
	key, err := c.clusterKey()
	if err != nil {
		return nil, fmt.Errorf("cluster.key: %w", err)
	}
	conf := c.Cluster.ClusterConfig
	conf.Key = key
	switch {
	case conf.Bind != "":
	case c.Dev:
		conf.Bind = "127.0.0.1:0"
	default:
		conf.Bind = fmt.Sprintf("0.0.0.0:%d", clusterPort)
	}
	if conf.Peers == "" {
		host, port, err := net.SplitHostPort(conf.Bind)
		if err != nil {
			return nil, fmt.Errorf("cluster.bind: %w", err)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n != 0 {
			n++
			port = strconv.FormatUint(n, 10)
		}
		conf.Peers = net.JoinHostPort(host, port)
	}
	return &conf, nil
}
