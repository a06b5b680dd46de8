package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/chaos/judge"
	"reddot/cmd/internal/chaos/screen"
)

// A client is one screen of a user. It connects to a server of chance by a
// transport of chance, stays for a while, and goes on elsewhere with the same
// cursor.
type client struct {
	world  *world
	user   string
	rng    *rand.Rand
	screen screen.Screen
	began  time.Time
	cursor string
	rev    uint64
	view   *judge.View
}

func newClient(w *world, number int, user string, began time.Time) *client {
	d := &net.Dialer{Timeout: time.Second}
	return &client{world: w, user: user, rng: rand.New(rand.NewPCG(w.cfg.Seed, uint64(5000+number))), began: began,
		view:   &judge.View{Name: fmt.Sprintf("client %d", number)},
		screen: screen.Screen{Key: w.key, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting, DialContext: d.DialContext, ResponseHeaderTimeout: 3 * time.Second}}}}
}

// reconnect connects by one transport after another until stop.
func (c *client) reconnect(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		stay := time.Duration(50+c.rng.IntN(4000)) * time.Millisecond
		if c.rng.IntN(10) == 0 {
			stay *= 4
		}
		c.stay(stop, c.world.any(c.rng), transports[c.rng.IntN(len(transports))], stay)
	}
}

// stay has one connection, or with polls several, for a while.
func (c *client) stay(stop <-chan struct{}, server int, transport string, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil {
		if err := c.connect(ctx, server, transport); err != nil && ctx.Err() == nil {
			time.Sleep(time.Duration(10+c.rng.IntN(50)) * time.Millisecond)
			return
		}
		if transport == poll {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// connect takes events in by one transport until the connection, or ctx, ends.
func (c *client) connect(ctx context.Context, server int, transport string) error {
	err := c.screen.Connect(ctx, c.world.url(server)+"/v1/users/"+c.user, transport, c.cursor,
		func(e screen.Event) { c.take(server, transport, e) })
	var bad *screen.UnreadableError
	var refused *screen.RefusedError
	switch {
	case errors.Is(err, screen.ErrNotModified):
		return nil
	case errors.As(err, &bad):
		c.trouble("%v", bad)
	case errors.As(err, &refused) && refused.Status != http.StatusNoContent && refused.Status != http.StatusServiceUnavailable:
		c.trouble("%v", refused)
	}
	return err
}

func (c *client) trouble(format string, args ...any) {
	if len(c.view.Trouble) < 5 {
		c.view.Trouble = append(c.view.Trouble, fmt.Sprintf("at %v: ", time.Since(c.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// take takes one event in.
func (c *client) take(server int, transport string, e screen.Event) {
	g := judge.Observation{Transport: transport, Server: server, Type: e.Type, IDs: e.IDs, Replaced: e.Replaces, State: e.State, At: time.Since(c.began).Round(time.Millisecond)}
	switch e.Type {
	case "message", "update":
		g.IDs = []string{e.Message.ID}
	case "state", "retract":
	case "counts", "hello":
		g.Type = "counts"
	case "drain", "beat", "ok":
		return
	case "reset":
		if c.world.cfg.Mode == Lost {
			break
		}
		c.trouble("a reset by %s of server %d, though the journal reaches back", transport, server)
		return
	default:
		c.trouble("an event %q by %s", e.Type, transport)
		return
	}
	if e.Counts == nil {
		c.trouble("%s without counts by %s", e.Type, transport)
		return
	}
	at, err := actors.ParseCursor(e.Cursor)
	if err != nil {
		c.trouble("the cursor %q by %s: %v", e.Cursor, transport, err)
		return
	}
	g.Lineage, g.Seq, g.Pos, g.Tally = at.Lineage, at.Seq, at.Pos, tally(*e.Counts)
	c.view.Observations = append(c.view.Observations, g)
	c.rev = max(c.rev, g.Tally.Rev)
	if transport != poll {
		c.cursor = e.Cursor
	}
}

// catchUp lets the client see what there is, by some server.
func (c *client) catchUp(servers []int, rev uint64) {
	streams := []string{longPoll, iframe, sse, webSocket}
	for late := time.Now().Add(20 * time.Second); (c.rev < rev || c.cursor == "") && time.Now().Before(late); {
		c.stay(nil, servers[c.rng.IntN(len(servers))], streams[c.rng.IntN(len(streams))], 300*time.Millisecond)
	}
	// Polls may have shown the counts before the events were seen.
	c.stay(nil, servers[c.rng.IntN(len(servers))], longPoll, 500*time.Millisecond)
}
