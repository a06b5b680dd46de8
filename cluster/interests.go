package cluster

import (
	"context"
	"fmt"
	"time"

	"reddot/actors"
)

// loadInterests lets the node know what users' sessions follow, from their records. It
// returns when the node knows; that users are woken goes on.
func (n *Node) loadInterests(ctx context.Context) error {
	if n.home.Records == nil {
		return nil
	}
	if err := n.reloadInterests(ctx); err != nil {
		return err
	}
	all := &actors.ShardSet{}
	for shard := range uint16(actors.Shards) {
		all.Add(shard)
	}
	n.wakeFollowers(all) // of others' shards, their owners do that; of those taken later, placement
	if n.cfg.Cluster == nil {
		n.wakeOnline(all)
	}
	return nil
}

// reloadInterests reads the records, and forgets those users who have none any more.
func (n *Node) reloadInterests(ctx context.Context) error {
	topics, before, found := n.topics, n.topics.Interests(), map[actors.Key]bool{}
	for after := ""; ; {
		list, err := n.home.Records.ListRecords(ctx, actors.InterestKind, after, interestPage)
		if err != nil {
			return fmt.Errorf("what sessions follow: %w", err)
		}
		for _, r := range list {
			if err := topics.LoadInterest(r); err != nil {
				return fmt.Errorf("what the sessions of %s follow: %w", r.Key, err)
			}
			found[actors.Key(r.Key)] = true
		}
		if len(list) < interestPage {
			break
		}
		after = list[len(list)-1].Key
	}
	topics.KeepInterests(before, found)
	return nil
}

// interestPage is how many records are read at a time.
const interestPage = 1000

// wakePace is the pause after each of the users that are woken.
const wakePace = time.Millisecond / 2

// wakeFollowers wakes the users of some shards whose sessions outlive their
// connections, so that what a crash has left open is closed.
func (n *Node) wakeFollowers(shards *actors.ShardSet) {
	keys := n.topics.Users(shards)
	if len(keys) == 0 {
		return
	}
	n.spawn(func() {
		for _, k := range keys {
			if !n.wakeSoon(k) {
				return
			}
		}
	})
}

// wakeOnline wakes the users of some shards who were told to be online, so that it is
// told that they have gone if no connection of theirs is left.
func (n *Node) wakeOnline(shards *actors.ShardSet) {
	if !n.cfg.Presence.Events || n.home.Records == nil {
		return
	}
	n.spawn(func() {
		for after := ""; ; {
			list, err := n.home.Records.ListRecords(context.Background(), actors.OnlineKind, after, interestPage)
			if err != nil {
				n.cfg.Log.Error("who was online can't be read: that they have gone may not be told before they come back", "err", err)
				return
			}
			for _, r := range list {
				after = r.Key
				if k := actors.Key(r.Key); shards.Has(actors.ShardOf(k)) && !n.wakeSoon(k) {
					return
				}
			}
			if len(list) < interestPage {
				return
			}
		}
	})
}

// wakeSoon wakes a user after a pause. False: the node stops.
func (n *Node) wakeSoon(k actors.Key) bool {
	select {
	case <-n.stop:
		return false
	case <-time.After(wakePace):
		n.Send(k, &actors.Recover{Key: k})
		return true
	}
}
