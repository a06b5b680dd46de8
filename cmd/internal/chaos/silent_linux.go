package chaos

import (
	"context"
	"fmt"
	"time"
)

// silentTime is how long the others may take until they answer for the users of
// a server whose port for links is silent.
const silentTime = 30 * time.Second

// silent lets a server's port for links be silent, both ways, as by a firewall
// that forgot it, while its gossip and its way to the database go on. Of three
// and more, it must give up its users, say that it is not ready, and the others
// must own all; when its links speak again it must not have ended.
func (n *nemesis) silent(v int) {
	if !n.isBack() {
		return
	}
	others := n.others(v)
	each := func(silent bool) {
		for _, o := range others {
			n.world.relay.conditions[v][o].stalled.Store(silent)
			n.world.relay.conditions[o][v].stalled.Store(silent)
		}
	}
	each(true)
	defer each(false)
	if len(others) < 2 {
		n.rest(1000, 9000)
		return
	}
	life := n.world.life(v)
	why := fmt.Errorf("nobody was asked")
	for late := time.Now().Add(silentTime); why != nil; time.Sleep(50 * time.Millisecond) {
		if n.ctx.Err() != nil {
			return
		}
		if why = n.world.without(n.ctx, v, others); why != nil && time.Now().After(late) {
			n.must(fmt.Errorf("the port for links of server %d was silent for %v: %w", v, silentTime, why))
			return
		}
	}
	n.rest(0, 3000)
	if now := n.world.life(v); now != life {
		n.must(fmt.Errorf("server %d, whose port for links was silent, has ended", v))
	}
}

// without says what is not as it should be while a server has no links.
func (w *world) without(ctx context.Context, v int, others []int) error {
	if err := w.get(ctx, v, "/readyz", nil); err == nil {
		return fmt.Errorf("server %d is ready", v)
	}
	for _, o := range others {
		if err := w.get(ctx, o, "/readyz", nil); err != nil {
			return fmt.Errorf("server %d is not ready: %w", o, err)
		}
		var status clusterStatus
		if err := w.get(ctx, o, "/v1/cluster", &status); err != nil {
			return fmt.Errorf("server %d: %w", o, err)
		}
		shards := 0
		for _, m := range status.Members {
			shards += m.Shards // of a server that can't be reached, none
		}
		if shards != 1024 {
			return fmt.Errorf("server %d finds %d shards with the servers that it reaches", o, shards)
		}
	}
	return nil
}

// life returns how often a server was started.
func (w *world) life(i int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.servers[i]; s != nil {
		return s.life
	}
	return 0
}
