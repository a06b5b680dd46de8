package cluster

import (
	"context"
	"net"
	"slices"
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

// join reaches for the seeds of the configuration, and for the nodes that show
// themselves in the store, as long as some of them are not seen.
func (m *membership) join() {
	seeds := m.missing()
	defer m.prove()
	if len(seeds) == 0 {
		return
	}
	n, err := m.list.Join(seeds)
	if n > 0 {
		m.settle()
	}
	m.mu.Lock()
	m.joinErr = err
	m.mu.Unlock()
	if err != nil {
		m.node.cfg.Log.Debug("some nodes can't be reached by gossip", "err", err)
	}
}

// missing returns the addresses of nodes that there should be.
func (m *membership) missing() []string {
	m.mu.Lock()
	seen := map[string]bool{m.self: true}
	for _, o := range m.seen {
		seen[o.addr] = true
	}
	alone := len(m.seen) <= 1
	m.mu.Unlock()
	var seeds []string
	if alone {
		seeds = slices.DeleteFunc(m.node.seeds(), func(addr string) bool { return seen[addr] })
	}
	for _, addr := range m.signs.addresses() {
		if !seen[addr] && !slices.Contains(seeds, addr) {
			seeds = append(seeds, addr)
		}
	}
	return seeds
}
