package cluster

import (
	"context"
	"fmt"
	"time"

	"reddot/actors"
)

// follow lets the node know what users' sessions follow, from their records,
// and wakes those users, so that what a crash left open is closed. It returns
// when the node knows; the waking goes on.
func (n *Node) follow(ctx context.Context) error {
	records := n.home.Records
	if records == nil {
		return nil
	}
	var keys []actors.Key
	for after := ""; ; {
		list, err := records.ListRecords(ctx, actors.FollowedKind, after, followPage)
		if err != nil {
			return fmt.Errorf("what sessions follow: %w", err)
		}
		for _, r := range list {
			if err := n.home.Topics.Follow(r); err != nil {
				return fmt.Errorf("what the sessions of %s follow: %w", r.Key, err)
			}
			keys = append(keys, actors.Key(r.Key))
		}
		if len(list) < followPage {
			break
		}
		after = list[len(list)-1].Key
	}
	n.done.Add(1)
	go func() {
		defer n.done.Done()
		n.rouse(keys)
	}()
	return nil
}

// followPage is how many records are read at a time.
const followPage = 1000

// rousePace is the pause after each of the users that are woken at the start.
const rousePace = time.Millisecond / 2

func (n *Node) rouse(keys []actors.Key) {
	for _, k := range keys {
		select {
		case <-n.stop:
			return
		case <-time.After(rousePace):
			n.Send(k, &actors.Rouse{})
		}
	}
}
