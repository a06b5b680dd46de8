package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/actors/store/pgserver"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// A loser is a database that can lose what came last.
type loser struct {
	url  string
	keep func() // what it has now stays
	lose func() // what came after that is gone
}

// losers are the ways in which a database comes to have another history.
var losers = map[string]func(*testing.T, *pgserver.Server) loser{
	"promotion": func(t *testing.T, db *pgserver.Server) loser {
		l, w, replica := behindSwitch(t, db)
		l.lose = func() {
			must(t, replica.Promote(t.Context()))
			w.To(replica)
			w.Cut()
		}
		return l
	},
	// Both take writes, and the server's connections lead to the old one until one
	// of them breaks.
	"two primaries": func(t *testing.T, db *pgserver.Server) loser {
		l, w, replica := behindSwitch(t, db)
		l.lose = func() {
			must(t, replica.Promote(t.Context()))
			w.To(replica)
			_, err := db.SQL(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'reddot%' order by backend_start limit 1")
			must(t, err)
		}
		return l
	},
	"restore": func(t *testing.T, db *pgserver.Server) loser {
		var dump []byte
		return loser{db.URL(), func() {
			var err error
			dump, err = db.Dump(t.Context())
			must(t, err)
		}, func() {
			_, err := db.SQL(t.Context(), "drop schema public cascade; create schema public")
			must(t, err)
			must(t, db.Restore(t.Context(), dump))
		}}
	},
	"by hand": func(t *testing.T, db *pgserver.Server) loser {
		return loser{db.URL(), func() {}, func() {
			_, err := db.SQL(t.Context(), "delete from reddot_events where seq > 3")
			must(t, err)
		}}
	},
}

// behindSwitch lets a database be known by a way that can lead to its replica.
// What is kept is what the replica has.
func behindSwitch(t *testing.T, db *pgserver.Server) (loser, *pgserver.Switch, *pgserver.Server) {
	t.Helper()
	replica, err := db.Replica(t.Context(), pgserver.Config{})
	must(t, err)
	t.Cleanup(func() { _ = replica.Close() })
	w, err := pgserver.NewSwitch(db)
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return loser{url: w.URL(), keep: func() {
		must(t, db.CaughtUp(t.Context(), replica))
		must(t, replica.Detach(t.Context()))
	}}, w, replica
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A database loses what came last under a server that runs, and while none does.
// The server goes on from what is there, and a client that holds a cursor from
// what is gone is told to fetch again, also when the database has gone on past
// it.
func TestTailLost(t *testing.T) {
	for name, prepare := range losers {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " stopped=", stopped), func(t *testing.T) {
				t.Parallel()
				l := prepare(t, StartDatabase(t))
				cfg := testConfig(t)
				cfg.Store.URL = transports.NewSecret(l.url)
				cfg.Store.Postgres.Timeout = 2 * time.Second
				a, book := start(t, cfg)
				publishTo(t, a, 3)
				l.keep()
				seen := publishTo(t, a, 4)
				events := follow(t, a, seen)
				if stopped {
					stop(t, a)
				}
				l.lose()
				if stopped {
					a, book = start(t, cfg)
				} else {
					awaitEvent(t, events, "reset")
				}
				awaitUnread(t, a, 3)
				waitStatus(t, a.URL()+"/readyz", http.StatusOK)
				publishTo(t, a, 6)
				_, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/wait?timeout=1&after="+seen, "", "")
				if !strings.Contains(body, `"reset"`) {
					t.Errorf("a cursor of what was lost gets %s", body)
				}
				if !stopped && !strings.Contains(book.String(), "another history") {
					t.Errorf("the log does not say it:\n%s", book)
				}
				awaitUnread(t, a, 9)
				stop(t, a)
				a, _ = start(t, cfg)
				awaitUnread(t, a, 9)
			})
		}
	}
}

// A device that comes back to a database that lost its tail is told that its
// session is not the one it knows; what it subscribes to stays, and what comes
// then reaches it.
func TestDeviceTurns(t *testing.T) {
	l := losers["promotion"](t, StartDatabase(t))
	cfg := testConfig(t)
	cfg.Store.URL, cfg.Store.Postgres.Timeout, cfg.MQTT.Listen = transports.NewSecret(l.url), 2*time.Second, "127.0.0.1:0"
	a, _ := start(t, cfg)
	d := &rawDevice{t: t, a: a}
	if d.connect() {
		t.Error("there was a session before the first one")
	}
	d.send(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte("users/me/messages"), QoS: 2}}})
	d.await(packet.TypeSuback)
	l.keep()
	publishTo(t, a, 1)
	lost := d.await(packet.TypePublish).(*packet.Publish)
	d.send(&packet.Pubrec{ID: lost.ID}) // PUBREL is never read: the identifier stays taken
	d.close()
	if !d.connect() {
		t.Error("the session is gone in the same history")
	}
	d.close()
	l.lose()
	for late := time.Now().Add(patience); d.connect(); d.close() {
		if time.Now().After(late) {
			t.Fatal("the device is never told that the history is another one")
		}
	}
	publishTo(t, a, 1)
	m := d.await(packet.TypePublish).(*packet.Publish)
	if m.Dup || m.QoS != 2 {
		t.Errorf("got %+v", m)
	}
	d.send(&packet.Pubrec{ID: m.ID})
	d.await(packet.TypePubrel)
	d.close()
	if !d.connect() {
		t.Error("it is told twice")
	}
	d.close()
}

// A rawDevice speaks MQTT 3.1.1, and leaves out what a test wants it to.
type rawDevice struct {
	t    *testing.T
	a    *App
	conn net.Conn
	buf  []byte
}

// connect connects until it is taken, and tells whether there was a session.
func (d *rawDevice) connect() bool {
	d.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		var err error
		d.conn, err = net.Dial("tcp", d.a.MQTTAddr().String())
		must(d.t, err)
		d.buf = nil
		d.send(&packet.Connect{Version: packet.V311, ClientID: []byte("device"), Username: []byte("alice"), KeepAlive: 60})
		if p, err := d.read(); err == nil {
			if ack := p.(*packet.Connack); ack.Reason == 0 {
				return ack.SessionPresent
			}
		}
		d.close()
	}
	d.t.Fatal("it can't connect")
	return false
}

func (d *rawDevice) send(p packet.Packet) { _, _ = d.conn.Write(p.Append(nil, packet.V311)) }

func (d *rawDevice) close() { _ = d.conn.Close() }

func (d *rawDevice) await(kind packet.Type) packet.Packet {
	d.t.Helper()
	for {
		p, err := d.read()
		if err != nil {
			d.t.Fatalf("waiting for %v: %v", kind, err)
		}
		if p.Type() == kind {
			return p
		}
	}
}

func (d *rawDevice) read() (packet.Packet, error) {
	_ = d.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		frame, rest, err := packet.Split(d.buf, packet.MaxSize)
		if err != nil {
			return nil, err
		}
		if frame != nil {
			d.buf = rest
			return packet.Decode(frame, packet.V311)
		}
		var b [4096]byte
		n, err := d.conn.Read(b[:])
		d.buf = append(d.buf, b[:n]...)
		if err != nil {
			return nil, err
		}
	}
}

// publishTo publishes n messages to alice and returns her cursor then.
func publishTo(t *testing.T, a *App, n int) string {
	t.Helper()
	var answer struct {
		Status int `json:"status"`
		Counts struct {
			Cursor string `json:"cursor"`
		} `json:"counts"`
	}
	for range n {
		line := fmt.Sprintf(`{"to":{"user":"alice"},"title":"x","idempotency_key":%q}`, rand.Text())
		eventually(t, "publish", func() bool { // a busy database may want it repeated
			status, body := call(t, http.MethodPost, a.URL()+"/v1/messages/batch", "", line)
			if status != http.StatusOK {
				t.Fatalf("publish: got %d %s", status, body)
			}
			must(t, json.Unmarshal([]byte(body), &answer))
			if answer.Status != http.StatusCreated && answer.Status != http.StatusServiceUnavailable {
				t.Fatalf("publish: got %s", body)
			}
			return answer.Status == http.StatusCreated
		})
	}
	return answer.Counts.Cursor
}

func awaitUnread(t *testing.T, a *App, want int) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/counts", "", "")
		if status == http.StatusOK && strings.Contains(body, fmt.Sprintf(`"unread":%d,`, want)) {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("got %d %s, want unread %d", status, body, want)
		}
	}
}

// follow returns the kinds of the events that alice's stream brings after a
// cursor. As an EventSource does, it comes back with the last cursor when a
// stream ends: a server that can't read a user at the moment ends her streams.
func follow(t *testing.T, a *App, after string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	events, done := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			after = oneStream(ctx, a.URL()+"/v1/users/alice/stream?after="+after, after, events)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return events
}

// oneStream tells the kinds of a stream's events, and returns its last cursor.
func oneStream(ctx context.Context, url, last string, events chan<- string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return last
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return last
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimSpace(value); field {
		case "id":
			last = value
		case "event":
			select {
			case events <- value:
			case <-ctx.Done():
			}
		}
	}
	return last
}

func awaitEvent(t *testing.T, events <-chan string, want string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case kind := <-events:
			if kind == want {
				return
			}
		case <-late:
			t.Fatalf("no event %s came", want)
		}
	}
}

// A journal with a hole is gone on with from the event before it; what lies
// beyond is kept aside, and clients fetch again.
func TestHole(t *testing.T) {
	for name, hole := range map[string]struct {
		sql    string
		unread int
	}{
		"in the middle": {"delete from reddot_events where seq in (4, 5)", 3},
		"at the front":  {"delete from reddot_events where seq < 3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, db := onDatabase(t)
			a, _ := start(t, cfg)
			seen := publishTo(t, a, 8)
			stop(t, a)
			_, err := db.SQL(t.Context(), hole.sql)
			must(t, err)
			a, book := start(t, cfg)
			awaitUnread(t, a, hole.unread)
			publishTo(t, a, 9)
			_, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/wait?timeout=1&after="+seen, "", "")
			if !strings.Contains(body, `"reset"`) {
				t.Errorf("a cursor of what was lost gets %s", body)
			}
			if !strings.Contains(book.String(), "has a hole") {
				t.Errorf("the log does not say it:\n%s", book)
			}
			stop(t, a)
			list, err := Gaps(t.Context(), "", db.URL(), a.log)
			if err != nil || len(list) != 1 || list[0].After != uint64(hole.unread) || list[0].Last != 8 || list[0].Events != int(8+1-list[0].First) {
				t.Errorf("kept aside: got %+v, %v", list, err)
			}
			a, _ = start(t, cfg)
			awaitUnread(t, a, hole.unread+9)
		})
	}
}

// A hole in the journal of a topic's retained messages, or of a message to many,
// is gone on before as a user's is.
func TestHoleElsewhere(t *testing.T) {
	cfg, db := onDatabase(t)
	a, _ := start(t, cfg)
	publish := func(path, body string) string {
		t.Helper()
		status, answer := call(t, http.MethodPost, a.URL()+path, "", body)
		if status/100 != 2 {
			t.Fatalf("%s: got %d %s", path, status, answer)
		}
		return answer
	}
	var sent struct{ ID string }
	must(t, json.Unmarshal([]byte(publish("/v1/messages", `{"title":"x","to":{"users":["bob","carol"]}}`)), &sent))
	for n := range 5 {
		publish("/v1/topics/rooms/1?retain=true", fmt.Sprint(n))
	}
	stop(t, a)
	_, err := db.SQL(t.Context(), "delete from reddot_events where convert_from(key, 'UTF8') ~ case seq when 1 then '^s' when 2 then '^t' else '^$' end")
	must(t, err)
	a, book := start(t, cfg)
	// Its first event said whose it is: nothing is left before the hole.
	if status, body := call(t, http.MethodGet, a.URL()+"/v1/messages/"+sent.ID, "", ""); status != http.StatusNotFound {
		t.Errorf("a message without its journal: got %d %s", status, body)
	}
	if status, body := call(t, http.MethodGet, a.URL()+"/v1/users/bob/messages", "", ""); status != http.StatusOK || !strings.Contains(body, sent.ID) {
		t.Errorf("whom it was delivered to: got %d %s", status, body)
	}
	publish("/v1/topics/rooms/1?retain=true", "after")
	publish("/v1/messages", `{"title":"y","to":{"users":["bob","carol"]}}`)
	stop(t, a)
	kinds := map[byte]bool{}
	list, err := Gaps(t.Context(), "", db.URL(), a.log)
	must(t, err)
	for _, g := range list {
		kinds[g.Actor[0]] = true
	}
	if !kinds['s'] || !kinds['t'] {
		t.Errorf("kept aside: got %+v\n%s", list, book)
	}
	a, _ = start(t, cfg)
	events := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go oneStream(ctx, a.URL()+"/v1/users/alice/stream?topic=rooms/1", "", events)
	awaitEvent(t, events, "topic")
}
