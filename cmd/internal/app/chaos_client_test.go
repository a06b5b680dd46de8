package app_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"reddot/cmd/internal/chaos/screen"
)

// chaosClient is one screen of a user. It connects by a transport of chance,
// stays for a while, and goes on by another with the same cursor.
type chaosClient struct {
	url, user string
	rand      *rand.Rand
	screen    screen.Screen
	cursor    string
	counts    chaosCounts
	seen      map[string]int // messages by body
	faults    []error
	used      map[string]int // events, by transport
	before    int            // messages that were there before its first connection
	met       bool
}

func newChaosClient(url, user string, r *rand.Rand) *chaosClient {
	return &chaosClient{url: url, user: user, rand: r, seen: make(map[string]int), used: make(map[string]int),
		screen: screen.Screen{HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting()}}}}
}

var chaosTransports = []string{screen.Poll, screen.LongPoll, screen.Iframe, screen.SSE, screen.WebSocket}

// roam connects by one transport after another until stop.
func (c *chaosClient) roam(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		stay := time.Duration(20+c.rand.IntN(400)) * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), stay)
		err := c.connect(ctx, chaosTransports[c.rand.IntN(len(chaosTransports))])
		cancel()
		if err != nil && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond) // the server is down
		}
	}
}

// connect takes events in by one transport until ctx ends.
func (c *chaosClient) connect(ctx context.Context, transport string) error {
	got := func(e screen.Event) { c.used[transport]++; c.take(e) }
	switch transport {
	case screen.Poll:
		got = c.polled
	case screen.LongPoll:
		return c.longPoll(ctx, 25, got)
	}
	err := c.screen.Connect(ctx, c.userURL(), transport, c.cursor, got)
	var bad *screen.UnreadableError
	if errors.As(err, &bad) {
		c.faults = append(c.faults, bad)
	}
	return err
}

func (c *chaosClient) userURL() string { return c.url + "/v1/users/" + c.user }

// take takes one event in.
func (c *chaosClient) take(e screen.Event) {
	switch e.Type {
	case "reset":
		c.faults = append(c.faults, errors.New("got a reset, though the journal reaches back"))
	case "message":
		c.seen[e.Message.Body]++
	case "drain", "beat":
		return
	}
	var now chaosCounts
	if e.Counts != nil {
		now = *e.Counts
	}
	if !c.met {
		c.met, c.before = true, int(now.Rev) // each message takes a rev of its own
	}
	if now.Rev < c.counts.Rev {
		c.faults = append(c.faults, fmt.Errorf("rev went back from %d to %d by %+v", c.counts.Rev, now.Rev, e))
	}
	c.cursor, c.counts = e.Cursor, now
}

// polled takes the answer to a short poll, which moves no cursor.
func (c *chaosClient) polled(e screen.Event) {
	c.used[screen.Poll]++
	if e.Counts.Rev < c.counts.Rev {
		c.faults = append(c.faults, fmt.Errorf("poll: rev went back from %d to %d", c.counts.Rev, e.Counts.Rev))
	}
}

// longPoll asks until it has waited that many seconds in vain.
func (c *chaosClient) longPoll(ctx context.Context, seconds int, got func(screen.Event)) error {
	for {
		if err := c.screen.Wait(ctx, c.userURL(), c.cursor, seconds, got); err != nil {
			return err
		}
	}
}

// check lets the client catch up, and holds what it has seen against the truth.
func (c *chaosClient) check(t *testing.T, want chaosCounts, ws []*chaosWriter) {
	t.Helper()
	first := c.cursor == "" // it never had a connection
	for deadline := time.Now().Add(20 * time.Second); c.counts.Rev < want.Rev && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_ = c.connect(ctx, chaosTransports[1+c.rand.IntN(4)])
		cancel()
	}
	// A replay says the counts of now with each event, so they are no proof that it
	// was read to its end.
	if c.cursor != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		_ = c.longPoll(ctx, 1, c.take)
		cancel()
	}
	for _, err := range c.faults {
		t.Errorf("client of %s: %v", c.user, err)
	}
	if c.counts.Unread != want.Unread || c.counts.Unseen != want.Unseen || c.counts.Rev != want.Rev {
		t.Errorf("client of %s shows %+v, want %+v", c.user, c.counts, want)
	}
	missed := 0
	for _, w := range ws {
		for _, m := range w.messages {
			switch n := c.seen[m.stamp]; {
			case m.user != c.user:
			case n > 1:
				t.Errorf("client of %s got %q %d times", c.user, m.stamp, n)
			case n == 0 && m.id != "" && !first:
				missed++
			}
		}
	}
	// What came before its first connection is no event for it.
	if missed > c.before {
		t.Errorf("client of %s missed %d messages, of which %d came before its first connection", c.user, missed, c.before)
	}
}
