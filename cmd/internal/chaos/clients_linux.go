package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"reddot/actors"
)

// A client is one screen of a user. It connects to a server of chance by a
// transport of chance, stays for a while, and goes on elsewhere with the same
// cursor.
type client struct {
	world  *world
	user   string
	rng    *rand.Rand
	http   *http.Client
	began  time.Time
	cursor string
	rev    uint64
	view   *View
}

// event is an event of any transport.
type event struct {
	Type    string   `json:"type"`
	Cursor  string   `json:"cursor"`
	Counts  *counts  `json:"counts"`
	IDs     []string `json:"ids"`
	State   string   `json:"state"`
	Message struct {
		ID string `json:"id"`
	} `json:"message"`
}

func newClient(w *world, number int, user string, began time.Time) *client {
	d := &net.Dialer{Timeout: time.Second}
	return &client{world: w, user: user, rng: rand.New(rand.NewPCG(w.cfg.Seed, uint64(5000+number))), began: began,
		view: &View{Name: fmt.Sprintf("client %d", number)},
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting, DialContext: d.DialContext, ResponseHeaderTimeout: 3 * time.Second}}}
}

// roam connects by one transport after another until stop.
func (c *client) roam(stop <-chan struct{}) {
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
	base := c.world.url(server) + "/v1/users/" + c.user
	got := func(e event) { c.take(server, transport, e) }
	switch transport {
	case poll:
		return c.poll(ctx, base, got)
	case longPoll:
		return c.wait(ctx, base, got)
	case sse:
		return c.stream(ctx, base+"/stream?after="+c.cursor, "data: ", "", got)
	case iframe:
		return c.stream(ctx, base+"/iframe?origin=http://127.0.0.1&after="+c.cursor, "<script>parent.postMessage(", ",o)</script>", got)
	}
	return c.webSocket(ctx, base, got)
}

func (c *client) trouble(format string, args ...any) {
	if len(c.view.Trouble) < 5 {
		c.view.Trouble = append(c.view.Trouble, fmt.Sprintf("at %v: ", time.Since(c.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// take takes one event in.
func (c *client) take(server int, transport string, e event) {
	g := Glimpse{Transport: transport, Server: server, Type: e.Type, IDs: e.IDs, State: e.State, At: time.Since(c.began).Round(time.Millisecond)}
	switch e.Type {
	case "message":
		g.IDs = []string{e.Message.ID}
	case "state":
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
	g.Lineage, g.Seq, g.Tally = at.Lineage, at.Seq, e.Counts.tally()
	c.view.Glimpses = append(c.view.Glimpses, g)
	c.rev = max(c.rev, g.Tally.Rev)
	if transport != poll {
		c.cursor = e.Cursor
	}
}

func (c *client) poll(ctx context.Context, base string, got func(event)) error {
	var n counts
	if err := c.json(ctx, base+"/counts", &n); err != nil {
		return err
	}
	got(event{Type: "counts", Cursor: n.Cursor, Counts: &n})
	return nil
}

// wait is one long poll.
func (c *client) wait(ctx context.Context, base string, got func(event)) error {
	var answer struct {
		Events []event `json:"events"`
		Counts counts  `json:"counts"`
		Cursor string  `json:"cursor"`
	}
	if err := c.json(ctx, base+"/wait?timeout=2&after="+c.cursor, &answer); err != nil {
		if errors.Is(err, errNotModified) {
			return nil
		}
		return err
	}
	for _, e := range answer.Events {
		got(e)
	}
	got(event{Type: "counts", Cursor: answer.Cursor, Counts: &answer.Counts})
	return nil
}

var errNotModified = errors.New("nothing new")

func (c *client) json(ctx context.Context, url string, out any) error {
	body, err := c.open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return json.NewDecoder(body).Decode(out)
}

// stream reads lines that hold an event between a prefix and a suffix. A line
// that was cut off is no event.
func (c *client) stream(ctx context.Context, url, prefix, suffix string, got func(event)) error {
	body, err := c.open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewReaderSize(body, 1<<14)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(strings.TrimSuffix(line[len(prefix):], suffix)), &e); err != nil {
			c.trouble("%v in %q", err, line)
			return err
		}
		got(e)
	}
}

func (c *client) webSocket(ctx context.Context, base string, got func(event)) error {
	dialing, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(dialing, strings.TrimSuffix(strings.Replace(base, "http", "ws", 1)+"/ws?after="+c.cursor, "?after="),
		&websocket.DialOptions{Subprotocols: []string{"reddot.v1"}, HTTPClient: &http.Client{Transport: c.http.Transport},
			HTTPHeader: http.Header{"Authorization": {"Bearer " + c.world.key}}})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(1 << 22)
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			c.trouble("%v in %q", err, raw)
			return err
		}
		got(e)
	}
}

func (c *client) open(ctx context.Context, url string) (io.ReadCloser, error) {
	url = strings.TrimSuffix(strings.TrimSuffix(url, "after="), "?")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "&"), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.world.key)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusNotModified:
		return nil, errNotModified
	case http.StatusNoContent, http.StatusServiceUnavailable:
	default:
		c.trouble("%s: %d %s", url, res.StatusCode, raw)
	}
	return nil, fmt.Errorf("%s: %s", url, res.Status)
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
