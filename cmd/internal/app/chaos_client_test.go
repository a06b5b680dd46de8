package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// chaosClient is one screen of a user. It connects by a transport of chance,
// stays for a while, and goes on by another with the same cursor.
type chaosClient struct {
	url, user string
	rand      *rand.Rand
	http      *http.Client
	cursor    string
	counts    chaosCounts
	seen      map[string]int // messages by body
	faults    []error
	used      map[string]int // events, by transport
	before    int            // messages that were there before its first connection
	met       bool
}

// chaosEvent is an event of any transport.
type chaosEvent struct {
	Type    string      `json:"type"`
	Cursor  string      `json:"cursor"`
	Counts  chaosCounts `json:"counts"`
	Message struct {
		ID   string `json:"id"`
		Body string `json:"body"`
	} `json:"message"`
}

func newChaosClient(url, user string, r *rand.Rand) *chaosClient {
	return &chaosClient{url: url, user: user, rand: r, seen: make(map[string]int), used: make(map[string]int),
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting()}}}
}

var chaosTransports = []string{"poll", "longpoll", "iframe", "sse", "ws"}

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
	base := c.url + "/v1/users/" + c.user
	got := func(e chaosEvent) { c.used[transport]++; c.take(e) }
	switch transport {
	case "poll":
		return c.poll(ctx, base)
	case "longpoll":
		return c.longPoll(ctx, base, 25, got)
	case "sse":
		return c.stream(ctx, base+"/stream?after="+c.cursor, "data: ", "", got)
	case "iframe":
		return c.stream(ctx, base+"/iframe?origin=http://127.0.0.1&after="+c.cursor, "<script>parent.postMessage(", ",o)</script>", got)
	}
	return c.webSocket(ctx, base, got)
}

// take takes one event in.
func (c *chaosClient) take(e chaosEvent) {
	switch e.Type {
	case "reset":
		c.faults = append(c.faults, errors.New("got a reset, though the journal reaches back"))
	case "message":
		c.seen[e.Message.Body]++
	case "drain", "beat":
		return
	}
	if !c.met {
		c.met, c.before = true, int(e.Counts.Rev) // each message takes a rev of its own
	}
	if e.Counts.Rev < c.counts.Rev {
		c.faults = append(c.faults, fmt.Errorf("rev went back from %d to %d by %+v", c.counts.Rev, e.Counts.Rev, e))
	}
	c.cursor, c.counts = e.Cursor, e.Counts
}

func (c *chaosClient) poll(ctx context.Context, base string) error {
	body, err := c.get(ctx, base+"/counts")
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	var n chaosCounts
	if err := json.NewDecoder(body).Decode(&n); err != nil {
		return err
	}
	c.used["poll"]++
	if n.Rev < c.counts.Rev {
		c.faults = append(c.faults, fmt.Errorf("poll: rev went back from %d to %d", c.counts.Rev, n.Rev))
	}
	return nil
}

// longPoll asks until it has waited that many seconds in vain.
func (c *chaosClient) longPoll(ctx context.Context, base string, seconds int, got func(chaosEvent)) error {
	for {
		body, err := c.get(ctx, fmt.Sprintf("%s/wait?timeout=%d&after=%s", base, seconds, c.cursor))
		if err != nil {
			return err
		}
		var answer struct {
			Events []chaosEvent `json:"events"`
			Counts chaosCounts  `json:"counts"`
			Cursor string       `json:"cursor"`
		}
		err = json.NewDecoder(body).Decode(&answer)
		_ = body.Close()
		if err != nil {
			return err
		}
		for _, e := range answer.Events {
			got(e)
		}
		got(chaosEvent{Type: "counts", Cursor: answer.Cursor, Counts: answer.Counts})
	}
}

// stream reads lines that hold an event between a prefix and a suffix. A line
// that was cut off is no event.
func (c *chaosClient) stream(ctx context.Context, url, prefix, suffix string, got func(chaosEvent)) error {
	body, err := c.get(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewReaderSize(body, 1<<16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		var e chaosEvent
		if err := json.Unmarshal([]byte(strings.TrimSuffix(line[len(prefix):], suffix)), &e); err != nil {
			c.faults = append(c.faults, fmt.Errorf("%w in %q", err, line))
			return err
		}
		got(e)
	}
}

func (c *chaosClient) webSocket(ctx context.Context, base string, got func(chaosEvent)) error {
	ws, _, err := websocket.Dial(ctx, strings.Replace(base, "http", "ws", 1)+"/ws?after="+c.cursor,
		&websocket.DialOptions{Subprotocols: []string{"reddot.v1"}, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: trusting()}}})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var e chaosEvent
		if err := json.Unmarshal(raw, &e); err != nil {
			c.faults = append(c.faults, fmt.Errorf("%w in %q", err, raw))
			return err
		}
		got(e)
	}
}

func (c *chaosClient) get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "after="), nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return res.Body, nil
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
		_ = c.longPoll(ctx, c.url+"/v1/users/"+c.user, 1, c.take)
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
