package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"reddot/actors"
)

// A Status is what is known of a cluster.
type Status struct {
	Cluster string       `json:"cluster"`
	Node    string       `json:"node"` // that answers
	Members []NodeStatus `json:"members"`
}

// NodeStatus is what a node says of itself.
type NodeStatus struct {
	Node        string       `json:"node"`
	Program     string       `json:"program,omitempty"`
	Address     string       `json:"address,omitempty"` // of its links
	State       string       `json:"state"`             // ready, starting, leaving, cut off, no store, unreachable
	Why         string       `json:"why,omitempty"`
	Shards      int          `json:"shards"`
	Owned       []ShardSet   `json:"owned,omitempty"` // which those are
	Users       int          `json:"actors"`          // awake
	Connections int          `json:"connections"`     // that it holds
	Held        int64        `json:"held"`            // messages that wait for users on their way
	Links       []LinkStatus `json:"links"`
}

// A ShardSet is the shards that a node owns by one epoch.
type ShardSet struct {
	Epoch  uint64 `json:"epoch"`
	Shards string `json:"shards"` // as ranges: 0-3,7,9-12
}

// LinkStatus is a node's link to another.
type LinkStatus struct {
	Node     string `json:"node"`
	Up       bool   `json:"up"`
	Wire     uint32 `json:"wire,omitempty"` // the wire version that both speak
	Why      string `json:"why,omitempty"`  // it does not speak
	LagMS    int64  `json:"lag_ms"`         // since it was last heard of
	Queued   int    `json:"queued_bytes"`   // that wait to be sent
	Requests int    `json:"requests_open"`  // that wait for an answer
}

// own returns what this node says of itself.
func (n *Node) own() NodeStatus {
	s := NodeStatus{Node: n.cfg.Name, Program: n.cfg.Program, Address: n.peersAddr, State: "ready", Users: n.dir.len(),
		Connections: n.connections(), Held: n.queuedCount.Load(), Links: []LinkStatus{}}
	if err := n.Ready(); err != nil {
		s.Why = actors.AsError(err).Detail
		switch {
		case n.suspended.Load() != nil:
			s.State = "cut off"
		case n.membership.StoreError() != nil:
			s.State = "no store"
		default:
			s.State = "starting"
		}
	}
	if n.leaving.Load() {
		s.State = "leaving"
	}
	byEpoch := map[uint64][]uint16{}
	for i := range n.fences {
		if f, ok := n.fences.of(uint16(i)); ok {
			byEpoch[f.Epoch] = append(byEpoch[f.Epoch], f.Shard)
			s.Shards++
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(byEpoch)) {
		s.Owned = append(s.Owned, ShardSet{epoch, ranges(byEpoch[epoch])})
	}
	for _, p := range n.peers.list() {
		st := LinkStatus{Node: p.name}
		if l := p.link.Load(); l != nil {
			st.Wire = l.version
			st.Up, st.LagMS = true, (n.clock()-l.lastHeard.Load())/int64(time.Millisecond)
			st.Queued, st.Requests = l.pending()
		}
		if err := p.Failure(); err != nil {
			st.Why = err.Error()
		}
		s.Links = append(s.Links, st)
	}
	slices.SortFunc(s.Links, func(a, b LinkStatus) int { return strings.Compare(a.Node, b.Node) })
	return s
}

// ranges writes shards, which ascend, as 0-3,7,9-12.
func ranges(shards []uint16) string {
	var b []byte
	for i := 0; i < len(shards); i++ {
		first := i
		for i+1 < len(shards) && shards[i+1] == shards[i]+1 {
			i++
		}
		if first > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(shards[first]), 10)
		if i > first {
			b = strconv.AppendUint(append(b, '-'), uint64(shards[i]), 10)
		}
	}
	return string(b)
}

// shards returns how many shards this node owns.
func (n *Node) shards() int {
	count := 0
	for i := range n.fences {
		if n.fences[i].Load() != 0 {
			count++
		}
	}
	return count
}

// statusTime is how long other nodes may take to answer.
const statusTime = 2 * time.Second

// Status asks all nodes. A node that does not answer in time is unreachable.
func (n *Node) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s := Status{Node: n.cfg.Name, Members: []NodeStatus{n.own()}}
	if n.cfg.Cluster != nil {
		s.Cluster = n.cfg.Cluster.Name
	}
	n.askAll(ctx, askStatus, "", func(p *peer, body []byte, err error) {
		var o NodeStatus
		if err == nil {
			err = json.Unmarshal(body, &o)
		}
		if err != nil {
			o = NodeStatus{Node: p.name, Address: p.addr, State: "unreachable", Why: err.Error(), Links: []LinkStatus{}}
		}
		s.Members = append(s.Members, o)
	})
	slices.SortFunc(s.Members, func(a, b NodeStatus) int { return strings.Compare(a.Node, b.Node) })
	return s
}

// Ready tells why this node can acknowledge nothing; nil: it can.
func (n *Node) Ready() error {
	if why := n.suspended.Load(); why != nil {
		return why
	}
	if n.historyChanged.Load() {
		return errHistoryChanged
	}
	if n.membership == nil {
		return nil
	}
	if err := n.membership.StoreError(); err != nil {
		return &actors.Error{Code: actors.Unavailable, Detail: "it can't reach the store", Cause: err}
	}
	if n.owners.Load() == nil {
		return n.membership.Waiting()
	}
	return nil
}

// Connected returns which users of an app have a connection, on any node that
// can be reached.
func (n *Node) Connected(ctx context.Context, app string) []actors.Key {
	seen := make(map[actors.Key]bool)
	for _, k := range n.connectedHere(app) {
		seen[k] = true
	}
	n.askAll(ctx, askConnected, app, func(p *peer, body []byte, err error) {
		var keys []actors.Key
		if err == nil {
			err = json.Unmarshal(body, &keys)
		}
		if err != nil {
			n.cfg.Log.Warn("a node does not say who is connected to it", "node", p.name, "err", err)
		}
		for _, k := range keys {
			seen[k] = true
		}
	})
	out := make([]actors.Key, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	return out
}
