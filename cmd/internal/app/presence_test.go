package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"reddot/cmd/internal/config"
)

// presence is what a server tells of a user.
type presence struct {
	User            string
	Online, Visible bool
	Transports      []string
	LastSeen        time.Time `json:"last_seen"`
}

func (p presence) String() string { return fmt.Sprint(p.Online, p.Visible, p.Transports) }

func presenceOf(t *testing.T, a *App, user string) (p presence) {
	t.Helper()
	status, body := call(t, http.MethodGet, a.URL()+"/v1/users/"+user+"/presence", "", "")
	if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, body, err)
	}
	return p
}

// TestPresence connects by two transports, hides what can be hidden, and leaves.
func TestPresence(t *testing.T) { plainAndTLS(t, isPresent) }

func isPresent(t *testing.T, cfg config.Config) {
	a, _ := start(t, cfg)
	isPresentOn(t, a, a, a)
	seen := presenceOf(t, a, "alice").LastSeen
	stop(t, a)
	a, _ = start(t, cfg)
	if got := presenceOf(t, a, "alice"); got.Online || !got.LastSeen.Equal(seen) {
		t.Errorf("after a restart: got %+v, want one who was seen at %v", got, seen)
	}
}

// isPresentOn connects to two servers, and asks a third.
func isPresentOn(t *testing.T, a, b, asked *App) {
	t.Helper()
	want := func(what string) {
		t.Helper()
		var got presence
		eventually(t, "alice to be "+what, func() bool { got = presenceOf(t, asked, "alice"); return got.String() == what })
		if ago := time.Since(got.LastSeen); ago < -time.Minute || ago > time.Minute {
			t.Errorf("%s: last seen at %v", what, got.LastSeen)
		}
	}
	if got := presenceOf(t, asked, "stranger"); got.String() != "false false []" || !got.LastSeen.IsZero() {
		t.Errorf("a stranger: got %+v", got)
	}
	ws := openSocket(t, a, "alice")
	ws.read("hello")
	want("true true [ws]")
	ws.write(`{"type":"visible","id":1,"visible":false}`)
	ws.read("ok")
	want("true false [ws]")
	events := stream(t, b, "alice", "")
	next(t, events, "counts")
	want("true true [sse ws]")
	ws.write(`{"type":"visible","id":2,"visible":true}`)
	ws.read("ok")
	ws.write(`{"type":"visible","id":3}`)
	ws.read("error")
	status, body := call(t, http.MethodPost, asked.URL()+"/v1/presence", "", `{"users":["bob","alice"]}`)
	var list struct{ Users []presence }
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK || len(list.Users) != 2 {
		t.Fatalf("%d %s", status, body)
	}
	if !slices.EqualFunc(list.Users, []string{"bob false false []", "alice true true [sse ws]"}, func(p presence, want string) bool { return p.User+" "+p.String() == want }) {
		t.Errorf("got %s", body)
	}
	if status, body := call(t, http.MethodPost, asked.URL()+"/v1/users/alice/disconnect", "", ""); status != http.StatusNoContent {
		t.Fatalf("disconnect: %d %s", status, body)
	}
	want("false false []")
}

// A socket is a WebSocket of a user.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

func openSocket(t *testing.T, a *App, user string) socket {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), strings.Replace(a.URL(), "http", "ws", 1)+"/v1/users/"+user+"/ws", &websocket.DialOptions{Subprotocols: []string{"reddot.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return socket{t, c}
}

// read reads the next frame, which must be of the type.
func (s socket) read(kind string) string {
	s.t.Helper()
	_, frame, err := s.conn.Read(s.t.Context())
	if err != nil || !strings.HasPrefix(string(frame), `{"type":"`+kind+`"`) {
		s.t.Fatalf("got %s, %v, want %s", frame, err, kind)
	}
	return string(frame)
}

func (s socket) write(frame string) {
	s.t.Helper()
	if err := s.conn.Write(s.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		s.t.Fatal(err)
	}
}

// TestHiddenPage: with the setting on, a WebSocket that nobody sees is told counts
// alone, which are exact, also of a message that becomes due; when it is seen it has
// every message once, from the cursor that it still has.
func TestHiddenPage(t *testing.T) {
	cfg := testConfig(t)
	cfg.WebSocket.ConflateHidden = true
	a, _ := start(t, cfg)
	ws := openSocket(t, a, "alice")
	hello := counted(t, ws.read("hello"))
	ws.write(`{"type":"visible","visible":false}`)
	ws.read("ok")
	const n = 30
	for range n {
		publish(t, a, "alice", "")
	}
	unread := 0
	for unread < n {
		e := counted(t, ws.read("counts"))
		if unread = e.Counts.Unread; e.Cursor != hello.Cursor {
			t.Fatalf("the cursor has moved from %s to %s", hello.Cursor, e.Cursor)
		}
	}
	due := time.Now().Add(300 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	if status, body := call(t, http.MethodPost, a.URL()+"/v1/users/alice/messages", "", `{"body":"later","send_at":"`+due+`"}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	for unread < n+1 {
		unread = counted(t, ws.read("counts")).Counts.Unread
	}
	ws.write(`{"type":"visible","visible":true}`)
	ws.read("ok")
	for range n + 1 {
		ws.read("message")
	}
	publish(t, a, "alice", "")
	if e := counted(t, ws.read("message")); e.Counts.Unread != n+2 {
		t.Errorf("got %+v", e)
	}
}

type countedEvent struct {
	Cursor string
	Counts struct{ Unread int }
}

func counted(t *testing.T, frame string) (e countedEvent) {
	t.Helper()
	if err := json.Unmarshal([]byte(frame), &e); err != nil {
		t.Fatal(err)
	}
	return e
}
