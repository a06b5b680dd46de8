package cluster

import (
	"context"
	"net"
	"strconv"
	"time"
)

// Where a node looks for others.

// resolve returns the IP address and port of host:port.
func resolve(addr string) (ip string, port int, err error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return "", 0, err
	}
	return a.IP.String(), a.Port, nil
}

// lookupTime is how long the resolver may take over one name.
const lookupTime = 3 * time.Second

// seeds returns the addresses of the configuration: a name stands for all that
// it resolves to. Names that can't be resolved at present are left out.
func (n *Node) seeds() []string {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	var list []string
	for _, s := range n.cfg.Cluster.Join {
		host, port, err := splitAddr(s)
		var ips []net.IPAddr
		if err == nil {
			ips, err = n.lookup(ctx, host)
		}
		if err != nil {
			n.cfg.Log.Debug("a seed can't be resolved", "seed", s, "err", err)
			continue
		}
		for _, ip := range ips {
			list = append(list, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		}
	}
	return list
}
