package membership

import (
	"context"
	"fmt"
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
func (m *Membership) seeds() []string {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	var list []string
	for _, s := range m.cfg.Seeds {
		host, port, err := SplitAddr(s)
		var ips []net.IPAddr
		if err == nil {
			ips, err = m.cfg.Lookup(ctx, host)
		}
		if err != nil {
			m.cfg.Log.Debug("a seed can't be resolved", "seed", s, "err", err)
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
func (m *Membership) join() {
	missing := m.missing()
	defer m.probe()
	if len(missing) == 0 {
		return
	}
	n, err := m.list.Join(missing)
	m.mu.Lock()
	m.joined = m.joined || n > 0
	m.joinErr = err
	m.mu.Unlock()
	if err != nil {
		m.cfg.Log.Debug("some nodes can't be reached by gossip", "err", err)
	}
}

// missing returns the addresses of nodes that there should be.
func (m *Membership) missing() []string {
	m.mu.Lock()
	seen := map[string]bool{m.addr: true}
	for _, o := range m.seen {
		seen[o.addr] = true
	}
	alone := len(m.seen) <= 1
	m.mu.Unlock()
	var list []string
	if alone {
		list = slices.DeleteFunc(m.seeds(), func(addr string) bool { return seen[addr] })
	}
	for _, addr := range m.signs.addresses() {
		if !seen[addr] && !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

// SplitAddr returns the host and the port of an address; no host stands for all of
// the machine's addresses.
func SplitAddr(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port", addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, int(n), nil
}
