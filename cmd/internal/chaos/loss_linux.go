package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"reddot/actors/store/pgserver"
	"reddot/cmd/internal/chaos/judge"
)

// lossFaults are those by which a database loses what it has acknowledged.
var lossFaults = []fault{
	{"promote a replica with loss", (*nemesis).promote},
	{"two primaries", (*nemesis).primaries},
}

// promote lets the database crash, and puts in its place a replica that lacks
// what came last.
func (n *nemesis) promote(int) {
	n.replace(func(ctx context.Context, r *pgserver.Server) {
		n.must(n.world.db.Kill())
		n.must(r.Promote(ctx))
		n.lead(ctx, r)
	})
}

// primaries promotes a replica while the database that it followed goes on: what
// is connected stays there, what connects anew comes to the replica.
func (n *nemesis) primaries(v int) {
	n.replace(func(ctx context.Context, r *pgserver.Server) {
		n.must(r.Promote(ctx))
		n.lead(ctx, r)
		n.world.relay.drop(v)
		n.rest(500, 4000)
		n.must(n.world.db.Kill())
	})
}

// replace makes a replica that lacks what the database takes in at the end, lets
// it take its place, and notes what was lost.
func (n *nemesis) replace(take func(context.Context, *pgserver.Server)) {
	ctx, cancel := context.WithTimeout(n.ctx, time.Minute)
	defer cancel()
	old := n.world.db
	r, err := old.Replica(ctx, pgserver.Config{})
	if err != nil {
		n.must(err)
		return
	}
	n.must(old.CaughtUp(ctx, r))
	n.must(r.Detach(ctx))
	n.rest(300, 2500)
	n.kept = nil
	from := time.Since(n.began)
	take(ctx, r)
	at := time.Since(n.began)
	n.must(old.Restart(ctx)) // nobody reaches it any more
	had, err := messages(ctx, old)
	n.must(err)
	n.must(old.Close())
	n.world.db = r
	l := judge.Loss{From: from, At: at, Lost: make(map[string]bool)}
	for id := range had {
		if !n.kept[id] {
			l.Lost[id] = true
		}
	}
	n.losses = append(n.losses, l)
	n.world.say("%d messages were lost", len(l.Lost))
	if err := n.world.settle(n.ctx); err != nil {
		n.must(fmt.Errorf("after the loss: %w", err))
	}
}

// lead notes what a promoted replica holds, and leads new connections to it.
func (n *nemesis) lead(ctx context.Context, r *pgserver.Server) {
	var err error
	n.kept, err = messages(ctx, r)
	n.must(err)
	n.world.relay.redirect(r)
}

// messages returns the ids of the messages that a database holds.
func messages(ctx context.Context, db *pgserver.Server) (map[string]bool, error) {
	list, err := db.SQL(ctx, "select string_agg(encode(id, 'hex')::uuid::text, ' ') from reddot_owners")
	ids := make(map[string]bool)
	for _, id := range strings.Fields(list) {
		ids[id] = true
	}
	return ids, err
}
