package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"reddot/cmd/internal/config"
	"reddot/transports"
)

// A wallClock can be set.
type wallClock struct{ off atomic.Int64 }

func (w *wallClock) now() time.Time       { return time.Now().Add(time.Duration(w.off.Load())) }
func (w *wallClock) step(d time.Duration) { w.off.Add(int64(d)) }

// clockStory is a server whose clock steps, and who is connected to it.
type clockStory struct {
	*testing.T
	a     *App
	wall  *wallClock
	key   string
	token string // alice's

	events, page, iframe <-chan string
	send                 func(string)
	device               paho.Client
	atDevice             <-chan string
	lost                 atomic.Int64 // MQTT connections that have ended
	frames, published    int
}

func newClockStory(t *testing.T) *clockStory {
	cfg := testConfig(t)
	cfg.Dev, cfg.MQTT.Listen = false, "127.0.0.1:0"
	cfg.Token.Secret = transports.NewSecret(secret)
	_, key, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "back end", Scopes: []string{"publish", "read"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &clockStory{T: t, wall: &wallClock{}, key: key.Reveal(), token: issueFor(t, cfg, "alice", 100*time.Hour)}
	s.a, _ = startWith(t, cfg, forTests{wall: s.wall.now})
	s.events = stream(t, s.a, "alice", s.token)
	s.iframe = textOf(t, s.a.URL()+"/v1/users/alice/iframe?token="+s.token)
	s.send, s.page = webSocketOf(t, s.a, s.token)
	s.device, s.atDevice = mqttClient(t, "tcp://"+s.a.MQTTAddr().String(), func(o *paho.ClientOptions) {
		o.SetUsername("alice").SetPassword(s.token).SetKeepAlive(time.Second)
		o.SetConnectionLostHandler(func(paho.Client, error) { s.lost.Add(1) })
	})
	done(t, s.device.Subscribe("users/me/messages", 1, nil))
	s.want("the stream", s.events, `"counts"`)
	s.want("the iframe", s.iframe, `"counts"`)
	s.want("the WebSocket", s.page, `"hello"`)
	return s
}

func issueFor(t *testing.T, cfg config.Config, user string, ttl time.Duration) string {
	t.Helper()
	token, err := IssueToken(cfg, TokenOrder{User: user, TTL: ttl, Read: []string{"#"}, Write: []string{"#"}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// textOf returns the lines of an answer that does not end.
func textOf(t *testing.T, url string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// webSocketOf returns a WebSocket of the token's user, and what it gets.
func webSocketOf(t *testing.T, a *App, token string) (send func(string), got <-chan string) {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), strings.Replace(a.URL(), "http", "ws", 1)+"/v1/users/me/ws?token="+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for {
			_, text, err := c.Read(context.Background())
			if err != nil {
				return
			}
			lines <- string(text)
		}
	}()
	return func(line string) {
		t.Helper()
		if err := c.Write(t.Context(), websocket.MessageText, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}, lines
}

// want waits for a line with the part.
func (s *clockStory) want(who string, got <-chan string, part string) {
	s.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-got:
			switch {
			case !ok:
				s.Fatalf("%s was disconnected before %q", who, part)
			case strings.Contains(line, `"too_many"`):
				s.Fatalf("%s was refused: %s", who, line)
			case strings.Contains(line, part):
				return
			}
		case <-late:
			s.Fatalf("%s waited in vain for %q", who, part)
		}
	}
}

// allWorks fails if anybody was disconnected, paced or refused.
func (s *clockStory) allWorks() {
	s.Helper()
	for range 10 {
		s.frames++
		s.send(fmt.Sprintf(`{"type":"ping","id":%d}`, s.frames))
		s.want("the WebSocket", s.page, fmt.Sprintf(`"id":%d`, s.frames))
		done(s.T, s.device.Publish("home/lamp", 1, false, "on"))
	}
	body := s.publish("")
	s.want("the stream", s.events, body)
	s.want("the iframe", s.iframe, body)
	s.want("the WebSocket", s.page, body)
	s.want("the device", s.atDevice, body)
	if n := s.lost.Load(); n > 0 {
		s.Fatalf("MQTT has lost %d connections", n)
	}
}

// publish publishes a message with more fields to alice, and returns its body.
func (s *clockStory) publish(fields string) string {
	s.Helper()
	s.published++
	body := fmt.Sprintf("message-%d.", s.published)
	if status, answer := call(s.T, "POST", s.a.URL()+"/v1/users/alice/messages", s.key, `{"body":"`+body+`"`+fields+`}`); status != http.StatusCreated {
		s.Fatalf("publish: %d %s", status, answer)
	}
	return body
}

// in returns a time of the wall clock, as a field's value.
func (s *clockStory) in(d time.Duration) string {
	return `"` + s.wall.now().Add(d).UTC().Format("2006-01-02T15:04:05.000Z") + `"`
}

// keepsAlive lets the clock step between a client's PINGREQ and the server's
// look whether the client is alive, and fails if that cuts it off.
func (s *clockStory) keepsAlive(step time.Duration) {
	s.Helper()
	conn, err := net.Dial("tcp", s.a.MQTTAddr().String())
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	ask := func(p packets.ControlPacket) {
		s.Helper()
		if err := p.Write(conn); err != nil {
			s.Fatalf("a clock that stepped by %v has cut off a client: %v", step, err)
		}
		if _, err := packets.ReadPacket(conn); err != nil {
			s.Fatalf("a clock that stepped by %v has cut off a client: %v", step, err)
		}
	}
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession, hello.Keepalive = "MQTT", 4, true, 2
	hello.ClientIdentifier, hello.UsernameFlag, hello.Username, hello.PasswordFlag, hello.Password = "quiet", true, "alice", true, []byte(s.token)
	ask(hello)
	time.Sleep(1700 * time.Millisecond)
	ask(packets.NewControlPacket(packets.Pingreq))
	s.wall.step(step)
	time.Sleep(1700 * time.Millisecond) // after 3 s the server has looked
	ask(packets.NewControlPacket(packets.Pingreq))
}

// TestClockSteps: when the wall clock steps, nobody is disconnected, paced or
// refused, and what is due by wall time comes by wall time.
func TestClockSteps(t *testing.T) {
	s := newClockStory(t)
	s.allWorks()
	// A long poll has its own time, whatever the wall clock says meanwhile.
	wait := s.a.URL() + "/v1/users/bob/wait?timeout=10&after="
	var first struct{ Cursor string }
	if _, body := call(t, "GET", wait, s.key, ""); json.Unmarshal([]byte(body), &first) != nil {
		t.Fatal(body)
	}
	began, polled := time.Now(), make(chan time.Duration, 1)
	go func() {
		call(t, "GET", wait+first.Cursor, s.key, "")
		polled <- time.Since(began)
	}()
	for _, step := range []time.Duration{30 * time.Second, -30 * time.Second, -time.Hour, time.Hour} {
		s.keepsAlive(step)
		s.allWorks()
	}
	if took := <-polled; took < 9*time.Second || took > 20*time.Second {
		t.Errorf("a long poll of 10 s took %v", took)
	}
	if n := gathered(t, s.a, "reddot_clock_steps_total"); n != 4 {
		t.Errorf("%v steps are counted, want 4", n)
	}
}

// TestTimersFollowTheWallClock: what people and tokens mean by a time is judged
// by the wall clock, also after it has stepped.
func TestTimersFollowTheWallClock(t *testing.T) {
	s := newClockStory(t)
	s.wall.step(-time.Hour)
	late := s.publish(`,"send_at":` + s.in(40*time.Minute))
	gone := s.publish(`,"expires_at":` + s.in(50*time.Minute))
	s.want("the stream", s.events, gone)
	snoozed := s.publish("")
	s.snooze(snoozed, s.in(45*time.Minute))
	s.want("the stream", s.events, `"snoozed"`)
	soon := s.publish(`,"send_at":` + s.in(3*time.Second))
	s.wall.step(-30 * time.Second)
	time.Sleep(3500 * time.Millisecond)
	if list := s.list(""); strings.Contains(list, soon) || strings.Contains(list, late) || !strings.Contains(list, gone) {
		t.Errorf("after a step back the inbox has %s", list)
	}
	s.wall.step(30 * time.Second)
	s.want("the stream", s.events, soon)
	s.wall.step(time.Hour)
	s.want("the stream", s.events, `"expired"`)
	s.want("the stream", s.events, late)
	if list := s.list("?state=snoozed"); strings.Contains(list, snoozed) {
		t.Errorf("after a step forward these are snoozed: %s", list)
	}
	if list := s.list(""); strings.Contains(list, gone) || !strings.Contains(list, late) || !strings.Contains(list, snoozed) {
		t.Errorf("after a step forward the inbox has %s", list)
	}
	s.allWorks()
}

// TestTokensFollowTheWallClock: a token is good for as long as the wall clock
// says, on connections too.
func TestTokensFollowTheWallClock(t *testing.T) {
	s := newClockStory(t)
	bob := issueFor(t, *s.a.cfg.Load(), "bob", 40*time.Minute)
	events := stream(t, s.a, "bob", bob)
	next(t, events, "counts")
	counts := s.a.URL() + "/v1/users/bob/counts"
	s.wall.step(time.Hour)
	next(t, events, "")
	if status, _ := call(t, "GET", counts, bob, ""); status != http.StatusUnauthorized {
		t.Errorf("an expired token: got %d", status)
	}
	s.allWorks()
	s.wall.step(-time.Hour)
	if status, _ := call(t, "GET", counts, bob, ""); status != http.StatusOK {
		t.Errorf("after a step back: got %d", status)
	}
	s.allWorks()
}

func (s *clockStory) list(query string) string {
	s.Helper()
	status, body := call(s.T, "GET", s.a.URL()+"/v1/users/alice/messages"+query, s.key, "")
	if status != http.StatusOK {
		s.Fatalf("list: %d %s", status, body)
	}
	return body
}

// snooze lets the message with the body leave the inbox until a time.
func (s *clockStory) snooze(body, until string) {
	s.Helper()
	var page struct {
		Messages []struct{ ID, Body string }
	}
	if err := json.Unmarshal([]byte(s.list("")), &page); err != nil {
		s.Fatal(err)
	}
	for _, m := range page.Messages {
		if m.Body == body {
			if status, answer := call(s.T, "POST", s.a.URL()+"/v1/users/alice/messages/"+m.ID+"/snooze", s.key, `{"until":`+until+`}`); status != http.StatusOK {
				s.Fatalf("snooze: %d %s", status, answer)
			}
			return
		}
	}
	s.Fatalf("%s is not there", body)
}

// gathered returns the sum of a counter of the server.
func gathered(t *testing.T, a *App, name string) (n float64) {
	t.Helper()
	families, err := a.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
