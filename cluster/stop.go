package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"reddot/actors"
)

// Connected returns which users of an app have a connection on this node.
func (n *Node) Connected(app string) []actors.Key {
	var mu sync.Mutex
	seen := make(map[actors.Key]bool)
	var wait sync.WaitGroup
	for _, g := range n.gateways {
		wait.Add(1)
		n.system.Root.Send(g.PID(), &actors.Users{App: app, Reply: func(keys []actors.Key) {
			mu.Lock()
			for _, k := range keys {
				seen[k] = true
			}
			mu.Unlock()
			wait.Done()
		}})
	}
	wait.Wait()
	out := make([]actors.Key, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	return out
}

// EndWhere ends the connections that match picks.
func (n *Node) EndWhere(match func(*actors.Attachment) bool, why actors.End) {
	for _, g := range n.gateways {
		n.system.Root.Send(g.PID(), &actors.EndWhere{Match: match, Why: why})
	}
}

// drainSteps is in how many steps connections are ended over the spread.
const drainSteps = 20

// Drain ends all connections with «come back», spread over a time so that not
// all come back at once elsewhere, and takes no new ones in.
func (n *Node) Drain(ctx context.Context, spread time.Duration) {
	share := make([]int, len(n.gateways))
	for step := 1; ; step++ {
		var wait sync.WaitGroup
		total := 0
		for i, g := range n.gateways {
			wait.Add(1)
			most := share[i]
			if step == 1 {
				most = 1
			}
			if ctx.Err() != nil || step > drainSteps || spread <= 0 {
				most = 0 // all that are left
			}
			n.system.Root.Send(g.PID(), &actors.EndWhere{Why: actors.EndDrain, Close: true, Most: most, Reply: func(left int) {
				share[i] = (left + drainSteps - 2) / (drainSteps - 1)
				if step > 1 {
					share[i] = max(most, 1)
				}
				if left == 0 {
					share[i] = 0
				}
				_ = total
				wait.Done()
			}})
		}
		wait.Wait()
		left := false
		for _, s := range share {
			left = left || s > 0
		}
		if !left {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(spread / drainSteps):
		}
	}
}

// Stop lets every actor finish what it has begun, and stops them. The store
// must be closed after it. The error says what was still under way when ctx
// ended; what was not answered may or may not be stored.
func (n *Node) Stop(ctx context.Context) error {
	close(n.stop)
	n.done.Wait()
	for {
		n.dir.each(func(_ actors.Key, a *activation) { n.system.Root.Send(a.pid, &actors.Passivate{}) })
		left := n.dir.len()
		if left == 0 {
			break
		}
		select {
		case <-ctx.Done():
			n.closed.Store(true)
			n.dir.each(func(_ actors.Key, a *activation) { n.system.Root.Stop(a.pid) })
			return fmt.Errorf("node: %d actors were still busy: %w", left, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	n.closed.Store(true)
	n.system.Shutdown()
	return nil
}
