package cluster

import (
	"context"
	"fmt"
	"slices"
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

// drainSteps is in how many steps connections are ended over the spread.
const drainSteps = 20

// Drain ends all connections with «come back», spread over a time so that not
// all come back at once elsewhere, and takes no new ones in. What is left when
// ctx ends is ended at once.
func (n *Node) Drain(ctx context.Context, spread time.Duration) {
	none := func(*actors.Conn) bool { return false }
	left := n.drain(func(int) *actors.EndWhere { return &actors.EndWhere{Match: none} })
	share := make([]int, len(left))
	for i, had := range left {
		share[i] = (had + drainSteps - 1) / drainSteps
	}
	for slices.Max(left) > 0 && pause(ctx, spread/drainSteps) {
		left = n.drain(func(gate int) *actors.EndWhere { return &actors.EndWhere{Most: share[gate]} })
	}
	n.drain(func(int) *actors.EndWhere { return &actors.EndWhere{} })
}

// drain lets each gateway take a step, and returns how many connections each
// has left.
func (n *Node) drain(step func(gate int) *actors.EndWhere) []int {
	left := make([]int, len(n.gateways))
	var wait sync.WaitGroup
	for i, g := range n.gateways {
		m := step(i)
		m.Why, m.Close = actors.EndDrain, true
		m.Reply = func(conns int) {
			left[i] = conns
			wait.Done()
		}
		wait.Add(1)
		n.system.Root.Send(g.PID(), m)
	}
	wait.Wait()
	return left
}

// pause waits for d; false: there is nothing to wait for, or ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 || ctx.Err() != nil {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Stop lets every actor finish what it has begun, wakes no more, and stops
// them. Connections that are left are ended as Drain does at once. The store
// must be closed after it. The error says what was still under way when ctx
// ended; what was not answered may or may not be stored.
func (n *Node) Stop(ctx context.Context) error {
	if n.stopping.Swap(true) {
		return nil
	}
	close(n.stop)
	n.done.Wait()
	n.Drain(ctx, 0)
	n.closed.Store(true)
	defer n.system.Shutdown()
	for {
		n.dir.each(func(_ actors.Key, a *activation) { a.proc.SendUserMessage(a.pid, &actors.Passivate{}) })
		left := n.dir.len()
		if left == 0 {
			return nil
		}
		if !pause(ctx, 5*time.Millisecond) {
			n.dir.each(func(_ actors.Key, a *activation) { n.system.Root.Stop(a.pid) })
			return fmt.Errorf("node: %d actors were still busy: %w", left, ctx.Err())
		}
	}
}
