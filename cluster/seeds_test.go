package cluster_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/cluster"
	"reddot/cluster/wire"
)

// secluded is a store by which nodes do not find each other.
type secluded struct{ *actorstest.Journal }

func (s secluded) ListRecords(ctx context.Context, kind, after string, limit int) ([]actors.Record, error) {
	list, err := s.Journal.ListRecords(ctx, kind, after, limit)
	for i, r := range list {
		w := &wire.WireSign{}
		if kind != "node" || err != nil || w.UnmarshalVT(r.Value) != nil {
			continue
		}
		w.Gossip = "" // they leave no address
		list[i].Value, err = w.MarshalVT()
	}
	return list, err
}

// TestSeeds lets a node find another by one of several seeds: some are not
// there, one is no name at first, and one is a name of several addresses, as a
// service's.
func TestSeeds(t *testing.T) {
	w := newWorld(t, 0)
	w.store = secluded{w.journal}
	first := w.start()
	wait(t, "the first node", func() bool { return first.Ready() == nil })
	_, port, err := net.SplitHostPort(first.GossipAddr())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	second := w.start(func(n *cluster.Node) {
		n.SetSeeds("127.0.0.1:1", "nobody.test:"+port, "reddot.test:"+port)
		n.SetLookup(func(_ context.Context, host string) ([]net.IPAddr, error) {
			asked++
			switch {
			case net.ParseIP(host) != nil:
				return []net.IPAddr{{IP: net.ParseIP(host)}}, nil
			case host == "reddot.test" && asked > 3: // not at the first attempt
				return []net.IPAddr{{IP: net.IPv4(127, 0, 0, 77)}, {IP: net.IPv4(127, 0, 0, 1)}}, nil
			}
			return nil, errors.New("no such host")
		})
	})
	w.settled()
	publish(t, second, w.userOf(first, 0), "1")
	publish(t, first, w.userOf(second, 0), "1")
}
