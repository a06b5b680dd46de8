package transports_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/streams"
)

// subscribed returns a WebSocket that is subscribed to the filter.
func (w *world) subscribed(t testing.TB, filter string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, in := w.openWS(t)
	if _, err := c.Write(text(fmt.Sprintf(`{"type":"subscribe","topic":%q}`, filter))); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := readServerFrame(in); err != nil || string(answer) != `{"type":"ok"}` {
		t.Fatalf("got %s, %v", answer, err)
	}
	return c, in
}

// hear publishes to the topic and returns how many heard it.
func (w *world) hear(topic, payload string) int {
	n := make(chan int, 1)
	w.user.topics.Publish(&actors.TopicMessage{App: "default", Topic: topic, Payload: []byte(payload), Qos: 1}, func(took int, _ *actors.Error) { n <- took })
	return <-n
}

// A client that does not read is closed, with a code that says to come back; the
// others have every message, in order.
func TestSlowSubscriberHarmsNobody(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind, sink: streams.SinkConfig{MaxBytes: 64 << 10, SendBuffer: 8 << 10, Grace: 50 * time.Millisecond}})
		slow, _ := w.open(t, "/stream?topic=news/a")
		_ = tcpOf(slow).SetReadBuffer(4 << 10)
		slowWS, slowIn := w.subscribed(t, "news/a")
		_ = tcpOf(slowWS).SetReadBuffer(4 << 10)
		_, in := w.subscribed(t, "news/a")
		body := strings.Repeat("x", 60<<10)
		for n := range 300 {
			w.hear("news/a", fmt.Sprint(n, " ", body))
			_, text, err := readServerFrame(in)
			if err != nil || !strings.HasPrefix(string(text), fmt.Sprintf(`{"type":"topic","topic":"news/a","payload":"%d x`, n)) {
				t.Fatalf("message %d: got %.60s, %v", n, text, err)
			}
		}
		until(t, "the slow ones are closed", func() bool { o := w.streams.Open(); return o["sse"] == 0 && o["ws"] == 1 })
		for last := 0; ; {
			op, text, err := readServerFrame(slowIn)
			if op == 8 && (len(text) < 2 || int(text[0])<<8|int(text[1]) != 4008) {
				t.Errorf("closed with % x, want 4008", text)
			}
			if op == 8 || err != nil {
				break // a reset may overtake the close
			}
			var n int
			if _, err := fmt.Sscanf(string(text), `{"type":"topic","topic":"news/a","payload":"%d `, &n); err == nil && n < last {
				t.Fatalf("message %d after %d", n, last)
			}
		}
	})
}

// Whoever leaves, in whichever way and however early, is subscribed to nothing.
func TestSubscribersLeave(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		c, _ := w.subscribed(t, "news/#")
		d, _ := w.open(t, "/stream?topic=news/a&topic=news/b")
		until(t, "both hear", func() bool { return w.hear("news/a", "x") == 2 })
		_ = c.Close()
		_ = d.Close()
		until(t, "nobody hears", func() bool { return w.hear("news/a", "x") == 0 })

		subscribe := text(`{"type":"subscribe","topic":"news/a"}`)
		for i := range 200 { // they reset at once, and are perhaps gone before they have begun
			c := w.dial(t)
			if i%2 == 0 {
				_, _ = io.WriteString(c, "GET /stream?topic=news/a HTTP/1.1\r\nHost: reddot\r\n\r\n")
			} else {
				_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: reddot\r\n"+strings.Join(upgrade, "\r\n")+"\r\n\r\n")
				_, _ = c.Write(subscribe)
			}
			if i%4 < 2 {
				w.attached(t, 1)
			}
			_ = tcpOf(c).SetLinger(0)
			_ = c.Close()
		}
		until(t, "all are gone", func() bool { o := w.streams.Open(); return o["sse"] == 0 && o["ws"] == 0 })
		if n := w.hear("news/a", "x"); n != 0 {
			t.Errorf("%d hear, but nobody is there", n)
		}
	})
}

// Of a shared subscription, each message goes to one.
func TestSubscribersShare(t *testing.T) {
	everyKind(t, func(t *testing.T, kind string) {
		w := newWorld(t, worldConfig{kind: kind})
		_, a := w.subscribed(t, "$share/g/news/a")
		_, b := w.open(t, "/stream?topic=$share/g/news/%2b")
		_, c := w.subscribed(t, "$share/g/news/a")
		until(t, "the stream hears", func() bool { return w.hear("news/b", "x") == 1 })
		if n := w.hear("news/a", "one") + w.hear("news/a", "two"); n != 4 {
			t.Errorf("got %d, want one of two and the stream, twice", n)
		}
		_, one, err1 := readServerFrame(a)
		_, two, err2 := readServerFrame(c)
		if err1 != nil || err2 != nil || strings.Contains(string(one), "one") == strings.Contains(string(two), "one") {
			t.Errorf("got %s %v and %s %v", one, err1, two, err2)
		}
		for _, want := range []string{"one", "two"} {
			for {
				line, err := b.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(line, want) {
					break
				}
			}
		}
	})
}

// One that asks for compression hears compressed what is long enough.
func TestCompressedTopics(t *testing.T) {
	w := frameWorld(t, "loop")
	c, in, _ := w.openDeflated(t, "permessage-deflate")
	_, _ = c.Write(text(`{"type":"subscribe","topic":"news/a"}`))
	if _, _, err := readServerFrame(in); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("again ", 100)
	w.hear("news/a", body)
	event, compressed := readEvent(t, in)
	if want := `{"type":"topic","topic":"news/a","payload":"` + body + `"}`; !compressed || event != want {
		t.Errorf("got %s, compressed %v", event, compressed)
	}
}

func TestTopicAccess(t *testing.T) {
	p := &transports.Principal{Kind: transports.UserToken, User: "alice", Topics: transports.Topics{Read: []string{"a/+", "b/#"}, Write: []string{"a/+", "#"}}}
	for filter, want := range map[string]bool{
		"a/b": true, "a/+": true, "a/#": false, "a": false, "b": true, "b/c/#": true, "#": false, "+/b": false, "": false,
		"users/alice/lamp": true, "users/alice/#": true, "users/alice/counts": true, "users/bob/lamp": false, "users/+/lamp": false,
		"users/me/counts": true, "users/me/#": true, "users/me/+": true, "users/me/lamp": false, "users/me/": false,
	} {
		if got := p.MayRead("alice", filter); got != want {
			t.Errorf("read %s: got %v", filter, got)
		}
	}
	// Nobody sees who is online by a wildcard, only by a pattern of its own, or by the
	// right to see all users.
	for _, c := range []struct {
		p      transports.Principal
		filter string
		want   bool
	}{
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"#", "+/bob", "+/#"}}}, "$presence/bob", false},
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"#"}}}, "$presence/#", false},
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"#"}}}, "$SYS/#", false},
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"$presence/bob"}}}, "$presence/bob", true},
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"$presence/bob"}}}, "$presence/+", false},
		{transports.Principal{Kind: transports.UserToken, Topics: transports.Topics{Read: []string{"$presence/+"}}}, "$presence/bob", true},
		{transports.Principal{Kind: transports.ServerKey, App: "shop", Scopes: transports.ScopeRead}, "$presence/#", true},
		{transports.Principal{Kind: transports.ServerKey, App: "shop", Scopes: transports.ScopePublish}, "$presence/#", false},
		{transports.Principal{Kind: transports.Developer, Scopes: transports.ScopeAll}, "$presence/#", true},
	} {
		if got := c.p.MayRead("alice", c.filter); got != c.want {
			t.Errorf("%v reads %s: got %v", c.p, c.filter, got)
		}
		if c.p.MayWrite("alice", "$presence/alice") {
			t.Errorf("%v writes who is online", c.p)
		}
	}
	for topic, want := range map[string]bool{
		"a/b": true, "c": true, "": false, "$SYS/x": false, "users/alice/lamp": true, "users/alice/counts": false, "users/alice/messages": false,
		"users/bob/lamp": false, "users/me/lamp": false, "users/me/counts": false,
	} {
		if got := p.MayWrite("alice", topic); got != want {
			t.Errorf("write %s: got %v", topic, got)
		}
	}
	// A server key needs its scopes for a user's own topics, too.
	for scopes, want := range map[transports.Scopes][2]bool{transports.ScopeRead: {true, false}, transports.ScopePublish: {false, true}, transports.ScopeAdmin: {}} {
		key := &transports.Principal{Kind: transports.ServerKey, App: "shop", Scopes: scopes}
		if got := [2]bool{key.MayRead("alice", "users/alice/cmd"), key.MayWrite("alice", "users/alice/cmd")}; got != want {
			t.Errorf("a key with the scope %s: got %v, want %v", scopes, got, want)
		}
	}
}

func TestFullTopic(t *testing.T) {
	for topic, want := range map[string]string{
		"users/me/lamp": "users/alice/lamp", "$share/g/users/me/#": "$share/g/users/alice/#", "users/me": "users/me", "a/users/me/b": "a/users/me/b",
		"users/men/x": "users/men/x", "$share/users/me/x": "$share/users/me/x", "a": "a",
	} {
		if got := transports.FullTopic(topic, "alice"); got != want {
			t.Errorf("%s: got %s, want %s", topic, got, want)
		}
	}
}

// FuzzFilter: what is accepted as a filter has only whole levels of wildcards,
// and can be judged, matched and put in the tree.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a/+/#", "#", "$share/g/a", "$share//a", "users/me/+", "+a", "a#", "/", "//", "$share/g/", "$share/+/a"} {
		f.Add(s)
	}
	p := &transports.Principal{Topics: transports.Topics{Read: []string{"#", "a/+", "+/b/#"}}}
	f.Fuzz(func(t *testing.T, filter string) {
		if err := transports.CheckFilter(filter); err != nil {
			if actors.AsError(err).Code != actors.Invalid {
				t.Errorf("got %v", err)
			}
			return
		}
		full := transports.FullTopic(filter, "alice")
		_, rest, _ := actors.SplitShare(full)
		levels := strings.Split(rest, "/")
		for i, l := range levels {
			if strings.Contains(l, "#") && (l != "#" || i < len(levels)-1) || strings.Contains(l, "+") && l != "+" {
				t.Fatalf("took %q", filter)
			}
		}
		p.MayRead("alice", rest)
		topics := topic.New(&actors.Home{})
		s := &topic.Subscription{Filter: full}
		topics.Subscribe("default", s, "", "")
		topics.Unsubscribe("default", s, false)
		if topic := strings.NewReplacer("+", "x", "#", "x").Replace(rest); transports.CheckTopic(topic) == nil && topic[0] != '$' &&
			!slices.Contains([]string{"+", "#"}, levels[0]) && !actors.MatchTopic(rest, topic) {
			t.Errorf("%q does not match %q", rest, topic)
		}
	})
}
