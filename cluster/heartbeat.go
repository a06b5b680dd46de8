package cluster

import (
	"fmt"
	"time"

	"reddot/cluster/wire"
)

// heartbeat tells all peers that this node lives, and ends links to those that are
// silent.
func (n *Node) heartbeat() {
	if now := n.clock(); now-n.lastHeartbeat.Swap(now) > int64(silenceLimit) {
		n.retakeShards()
	}
	for _, p := range n.peers.list() {
		l := p.link.Load()
		if l == nil {
			continue
		}
		if silent := l.silent(n); silent > silenceLimit {
			l.fail(fmt.Errorf("it was silent for %v", silent.Round(time.Millisecond)))
			continue
		}
		n.sendHeartbeat(l)
	}
}

// sendHeartbeat tells one peer.
func (n *Node) sendHeartbeat(l *link) {
	w := &wire.WireBeat{Leaving: n.leaving.Load()}
	if l.version >= silentVersion {
		w.Silent = uint32(max(0, l.silent(n).Milliseconds()))
	}
	if b, err := w.MarshalVT(); err == nil {
		_ = l.enqueue(&wire.Frame{Type: wire.FrameType_FRAME_BEAT, Body: b}) // an error has ended the link
	}
}

// retakeShards is called when this node has stood still for longer than
// silenceLimit: others may have taken its shards. It gives them up, and takes those
// again that are still its own.
func (n *Node) retakeShards() {
	n.cfg.Log.Warn("this node stood still for so long that others may have taken its shards; it takes its shards anew")
	n.place.send(&retake{})
}

// clock returns nanoseconds that only go forward.
func (n *Node) clock() int64 { return int64(time.Since(n.started)) }
