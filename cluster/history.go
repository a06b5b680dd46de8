package cluster

import (
	"context"
	"time"

	"reddot/actors"
)

// errHistoryChanged is why a node is not ready whose store has another history.
var errHistoryChanged = actors.Errorf(actors.Unavailable, "the store was restored, or its replica promoted: this node lets go of what it had in memory")

// dropTime is how long actors may take to end when the history has changed. Those
// that take longer can write nothing: the store knows what they were read from.
const dropTime = 10 * time.Second

// dropState gives up all that was read from the store, which has another history
// by now: the actors, what sessions follow, and the right to the shards.
func (n *Node) dropState() {
	n.historyChanged.Store(true)
	n.topics.ForgetInterests()
	n.logs.Forget()
	if n.membership != nil {
		n.place.send(&retake{})
	} else {
		for i := range n.dir.parts {
			n.dir.parts[i].set(n.cfg.Name, false, nil)
			n.fences[i].Store(0)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), dropTime)
	defer cancel()
	for n.dir.len() > 0 || n.shards() > 0 {
		n.dir.each(func(_ actors.Key, a *activation) { a.proc.SendUserMessage(a.pid, &actors.Move{}) })
		if !pause(ctx, 5*time.Millisecond) {
			n.cfg.Log.Warn("some actors have not ended yet; they can write nothing", "actors", n.dir.len(), "shards", n.shards())
			return
		}
	}
}

// restoreState begins anew with what the store has now. It is ready when it knows that.
func (n *Node) restoreState() {
	for began := time.Now(); ; {
		err := n.reopen()
		if err == nil {
			break
		}
		if n.closed.Load() {
			return
		}
		n.cfg.Log.Error("the node can't go on from the store yet", "err", err, "since", began)
		select {
		case <-n.stop:
			return
		case <-time.After(takeRetry):
		}
	}
	if n.cfg.Changed != nil {
		n.cfg.Changed("history")
	}
	n.historyChanged.Store(false)
	n.cfg.Log.Warn("the node goes on from what the store has now")
}

// reopen takes the shards, if nobody shares them, and reads what sessions follow.
func (n *Node) reopen() error {
	n.logs.Forget() // what was read while actors ended
	ctx, cancel := context.WithTimeout(context.Background(), takeTime)
	defer cancel()
	if n.membership == nil {
		if err := n.takeAll(ctx); err != nil {
			return err
		}
		n.flushAll()
	}
	return n.loadInterests(ctx)
}
