package app_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"reddot/cmd/internal/chaos/screen"
)

// Clients that are not ours, each a screen of a user of its own, live through
// one story at the same time: they connect, get messages in order, read one,
// lose the server to SIGKILL and catch up, are sent away by a server that stops
// and come back, and are disconnected for good.

// uglyBodies are what a transport may stumble over.
var uglyBodies = []string{
	"plain", "two\nlines", "carriage\rreturn", "both\r\nof them\r\n\r\n", "\n", "\u2028 and \u2029", "</script><!--", "id: 1\nevent: x\ndata: y",
	`"quoted" \ and {"json":true}`, "grüße 你好 😀", "\u0000\u0001\ufeff", strings.Repeat("long ", 2000), strings.Repeat("0123456789abcdef", 3000),
	farBack(), // no client keeps a window that large, so no compressor may look back so far
}

// farBack repeats itself at a distance that only a large window reaches.
func farBack() string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 6000)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return strings.Repeat(string(b), 3)
}

// said is a line of a client.
type said struct {
	Open     *string      `json:"open"` // the extensions that were agreed on
	Protocol string       `json:"protocol"`
	Event    *clientEvent `json:"event"`
	Closed   *int         `json:"closed"` // a close code, or a status of HTTP
	Fault    string       `json:"fault"`
}

type clientEvent struct {
	screen.Event
	ID int `json:"id"` // of an answer
}

// A foreignScreen is one client, and what it has shown.
type foreignScreen struct {
	name, user string
	webSocket  bool
	deflates   bool
	lines      chan said
	send       func(line string) // of a WebSocket
	shown      []string          // bodies
	counts     screen.Counts
	opened     int
	cert       string // of the server, for clients that check it; "": no TLS
}

// next waits for a line that is the one, and takes in those before it.
func (s *foreignScreen) next(t *testing.T, what string, is func(said) bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case l, ok := <-s.lines:
			if !ok {
				t.Fatalf("%s: the client has ended before %s", s.name, what)
			}
			s.take(t, l)
			if is(l) {
				return
			}
		case <-timeout:
			t.Fatalf("%s: no %s in time; shown: %d messages, %+v", s.name, what, len(s.shown), s.counts)
		}
	}
}

func (s *foreignScreen) take(t *testing.T, l said) {
	t.Helper()
	if l.Fault != "" {
		t.Errorf("%s: %s", s.name, l.Fault)
	}
	if l.Open != nil {
		s.opened++
		if s.webSocket && (l.Protocol != "reddot.v1" || s.deflates != strings.Contains(strings.ToLower(*l.Open), "deflate")) {
			t.Errorf("%s: opened with protocol %q and extensions %q", s.name, l.Protocol, *l.Open)
		}
	}
	e := l.Event
	switch {
	case e == nil || e.Type == "ok" || e.Type == "drain":
		return
	case e.Type == "reset" || e.Type == "error":
		t.Errorf("%s: got %+v", s.name, e)
	case e.Type == "message":
		s.shown = append(s.shown, e.Message.Body)
	}
	var now screen.Counts
	if e.Counts != nil {
		now = *e.Counts
	}
	if now.Rev < s.counts.Rev {
		t.Errorf("%s: rev went from %d back to %d", s.name, s.counts.Rev, now.Rev)
	}
	s.counts = now
}

func (s *foreignScreen) wantShown(t *testing.T, bodies []string) {
	t.Helper()
	s.next(t, "last message", func(said) bool { return len(s.shown) >= len(bodies) })
	for i, want := range bodies {
		if s.shown[i] != want {
			t.Fatalf("%s: message %d is %.60q, want %.60q", s.name, i, s.shown[i], want)
		}
	}
	if s.counts.Unread != len(bodies) {
		t.Errorf("%s: shows %d unread, want %d", s.name, s.counts.Unread, len(bodies))
	}
}

func (s *foreignScreen) closed(t *testing.T, codes ...int) {
	t.Helper()
	s.next(t, fmt.Sprint("close ", codes), func(l said) bool {
		if l.Closed == nil {
			return false
		}
		for _, c := range codes {
			if *l.Closed == c {
				return true
			}
		}
		t.Errorf("%s: closed with %d, want one of %v", s.name, *l.Closed, codes)
		return true
	})
}

// clientStory is the server and what is published on it.
type clientStory struct {
	*process
	bodies []string
	ids    map[string][]string // of the messages, by user
}

func (c *clientStory) post(t *testing.T, path, body string, want int) (answer struct {
	ID string `json:"id"`
}) {
	t.Helper()
	res, err := http.Post(c.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != want {
		t.Fatalf("%s: %s", path, res.Status)
	}
	if want == http.StatusCreated {
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
	}
	return answer
}

func (c *clientStory) publish(t *testing.T, screens []*foreignScreen, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		text, err := json.Marshal(map[string]string{"body": body})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range screens {
			id := c.post(t, "/v1/users/"+s.user+"/messages", string(text), http.StatusCreated).ID
			c.ids[s.user] = append(c.ids[s.user], id)
		}
	}
	c.bodies = append(c.bodies, bodies...)
}

func TestRealClients(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		testRealClients(t, newProcess(t, "REDDOT_WEBSOCKET_COMPRESSION=true"))
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		p := newProcess(t, "REDDOT_WEBSOCKET_COMPRESSION=true")
		p.secure(t)
		testRealClients(t, p)
	})
}

func testRealClients(t *testing.T, p *process) {
	c := &clientStory{process: p, ids: map[string][]string{}}
	c.start(t)
	screens := openScreens(t, c.process)
	for _, s := range screens {
		s.next(t, "counts", func(l said) bool { return l.Event != nil })
	}
	c.publish(t, screens, uglyBodies...)
	for _, s := range screens {
		s.wantShown(t, c.bodies)
	}
	readFirst(t, c, screens)

	c.kill(t)
	c.start(t)
	c.publish(t, screens, "while they are away", "and again")
	for _, s := range screens {
		s.wantShown(t, c.bodies)
		if s.opened < 2 {
			t.Errorf("%s: has not come back, and yet shows everything", s.name)
		}
	}

	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, s := range screens {
		if s.webSocket {
			s.closed(t, 1012)
		} else {
			s.next(t, "drain", func(l said) bool { return l.Event != nil && l.Event.Type == "drain" })
		}
	}
	_ = c.cmd.Wait()
	c.start(t)
	c.publish(t, screens, "after the stop")
	for _, s := range screens {
		s.wantShown(t, c.bodies)
	}

	for _, s := range screens {
		c.post(t, "/v1/users/"+s.user+"/disconnect", "", http.StatusNoContent)
	}
	for _, s := range screens {
		if s.webSocket {
			s.closed(t, 4103)
		} else {
			s.closed(t, http.StatusNoContent) // when it comes back by itself
		}
	}
	for _, s := range screens {
		if len(s.shown) != len(c.bodies) {
			t.Errorf("%s: shows %d messages, want %d", s.name, len(s.shown), len(c.bodies))
		}
		t.Logf("%s: %d messages over %d connections", s.name, len(s.shown), s.opened)
	}
}

// readFirst lets each client read its first message, or has it read elsewhere,
// and unread again, so that all are counted in the end.
func readFirst(t *testing.T, c *clientStory, screens []*foreignScreen) {
	t.Helper()
	mark := func(s *foreignScreen, as string, n, unread int) {
		id := c.ids[s.user][0]
		if s.webSocket {
			s.send(fmt.Sprintf(`{"type":%q,"id":%d,"ids":[%q]}`, as, n, id))
			s.next(t, "answer", func(l said) bool { return l.Event != nil && l.Event.Type == "ok" && l.Event.ID == n })
		} else {
			c.post(t, "/v1/users/"+s.user+"/messages/"+id+"/"+as, "", http.StatusOK)
		}
		if s.counts.Unread != unread { // the answer may come behind the event
			s.next(t, "state", func(l said) bool { return l.Event != nil && l.Event.Type == "state" && l.Event.IDs[0] == id })
		}
		if s.counts.Unread != unread {
			t.Errorf("%s: shows %d unread after %s, want %d", s.name, s.counts.Unread, as, unread)
		}
	}
	for _, s := range screens {
		mark(s, "read", 1, len(c.bodies)-1)
		mark(s, "unread", 2, len(c.bodies))
	}
}

// openScreens starts all clients that there are here.
func openScreens(t *testing.T, p *process) []*foreignScreen {
	t.Helper()
	var list []*foreignScreen
	for _, k := range []struct {
		name      string
		webSocket bool
		deflates  bool
		run       func(t *testing.T, s *foreignScreen, url string) error
	}{
		{"coder-websocket", true, true, runCoder},
		{"r3labs-sse", false, false, runR3Labs},
		{"npm-ws", true, true, runNode("ws")},
		{"npm-eventsource", false, false, runNode("sse")},
		{"python3-websockets", true, true, runPython},
	} {
		s := &foreignScreen{name: k.name, user: k.name, webSocket: k.webSocket, deflates: k.deflates, lines: make(chan said, 1000), cert: p.cert}
		if err := k.run(t, s, p.url+"/v1/users/"+s.user); err != nil {
			// A subtest, since the others go on; make test gathers the reasons.
			t.Run(k.name, func(t *testing.T) { t.Skip(err) })
			continue
		}
		list = append(list, s)
	}
	return list
}

// runs tells whether the command does.
func runs(name string, args ...string) bool {
	return exec.Command(name, args...).Run() == nil
}
