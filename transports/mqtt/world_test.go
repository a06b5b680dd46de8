package mqtt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/transports"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
	"reddot/transports/streams"
)

// A world is an MQTT server on a node, a journal and a clock, which outlive it.
type world struct {
	t       *testing.T
	cfg     mqtt.Config
	access  func(*transports.Gate) mqtt.Access
	journal *actorstest.Journal
	clock   *actorstest.Clock
	limits  actors.Limits
	gate    transports.Limits
	sink    streams.SinkConfig
	grace   time.Duration                     // 0: the node's
	router  func(actors.Router) actors.Router // what stands before the node's; nil: nothing

	framed bool // clients come by WebSocket
	secure bool // clients come by TLS

	node    *actorstest.Node
	streams *streams.Streams
	server  *mqtt.Server
	web     *fasthttp.Server
	addr    string
	served  chan error
}

func newWorld(t *testing.T, cfg mqtt.Config, with ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, cfg: cfg, journal: actorstest.NewJournal(), clock: actorstest.NewClock(), gate: transports.Limits{}.Dev(), access: func(g *transports.Gate) mqtt.Access {
		return mqtt.Access{Gate: g, Dev: true}
	}}
	for _, fn := range with {
		fn(w)
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		w.journal.Close()
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	gate, err := transports.NewGate(w.gate, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.node = actorstest.NewNode(w.t, w.journal, w.clock, w.limits)
	if w.grace > 0 {
		w.node.Home.Grace = w.grace
	}
	log := slog.New(slog.DiscardHandler)
	w.streams = streams.NewStreams(streams.StreamsConfig{Sink: w.sink}, w.node, gate, log)
	router := actors.Router(w.node)
	if w.router != nil {
		router = w.router(router)
	}
	w.server, err = mqtt.New(w.cfg, mqtt.Deps{Router: router, Topics: w.node.Topics, Streams: w.streams, Log: log, Now: w.clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server.Use(w.access(gate))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr, w.served = ln.Addr().String(), make(chan error, 1)
	if w.secure {
		ln = tls.NewListener(streams.Parking(ln), certificate(w.t))
	}
	if !w.framed {
		go func() { w.served <- w.server.Serve(ln) }()
		return
	}
	w.web = &fasthttp.Server{Handler: w.server.HandleWebSocket, KeepHijackedConns: true}
	go func() { w.served <- w.web.Serve(ln) }()
}

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	if err := w.server.Close(); err != nil {
		w.t.Error(err)
	}
	if w.framed {
		if err := w.web.ShutdownWithContext(ctx); err != nil {
			w.t.Error(err)
		}
	}
	if err := <-w.served; err != nil {
		w.t.Error(err)
	}
	if err := w.streams.Drain(ctx, 0); err != nil {
		w.t.Errorf("drain: %v", err)
	}
	w.node.Stop()
}

// crash ends the server: nothing is told to the journal.
func (w *world) crash() {
	w.node.Stop()
	w.stop()
}

// ask asks a user's actor.
func (w *world) ask(user string, c actors.Command) actors.Answer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), actorstest.Patience)
	defer cancel()
	r := actors.NewRequest(actors.UserKey(actors.DefaultApp, user), c)
	if p, ok := c.(*actors.Publish); ok {
		r.Once = actors.EdgeOnce(actors.ID(p.Message.Id))
	}
	if err := w.node.Ask(ctx, r); err != nil {
		w.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer
}

// publish publishes to a user's inbox.
func (w *world) publish(user, title string) {
	w.t.Helper()
	id := actors.NewID()
	w.ask(user, &actors.Publish{Message: &actors.Message{Id: id[:], Category: "default", CreatedAt: w.clock.Now(), Content: []byte(`"title":"` + title + `"`)}})
}

// A sessionState is what the user's actor knows of a session.
type sessionState struct {
	Client            string
	Connected         bool
	Waiting, Outgoing int // messages
}

// session returns a client's session that outlives its connection; there is false if
// there is none.
func (w *world) session(user, client string) (s sessionState, there bool) {
	w.t.Helper()
	rev := w.ask(user, &actors.Counts{}).Rev
	var state struct{ Sessions []sessionState }
	if err := json.Unmarshal(w.ask(user, &actors.StateAt{Rev: rev}).Body, &state); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range state.Sessions {
		if s.Client == client {
			return s, true
		}
	}
	return sessionState{}, false
}

// certificate returns what a server of TLS shows.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// until waits for a condition.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for late := time.Now().Add(actorstest.Patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A client is one end of a connection, packet by packet.
type client struct {
	t       *testing.T
	world   *world
	conn    net.Conn
	raw     net.Conn // what is under conn
	closed  bool     // it was seen to be
	version packet.Version
	buf     []byte
}

func (w *world) dial() *client {
	w.t.Helper()
	c := w.dialRaw()
	switch {
	case w.framed:
		c.conn = framed(w.t, c.raw)
	case w.secure:
		c.conn = tls.Client(c.raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	}
	return c
}

// dialRaw returns a client that has agreed on nothing yet.
func (w *world) dialRaw() *client {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return &client{t: w.t, world: w, conn: conn, raw: conn, version: packet.V311}
}

func (c *client) send(p packet.Packet) {
	c.t.Helper()
	if p, ok := p.(*packet.Connect); ok {
		c.version = p.Version
	}
	c.write(p.Append(nil, c.version))
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next packet; nil: the server has closed. While nothing
// comes, actors are told their time.
func (c *client) read() packet.Packet {
	c.t.Helper()
	late := time.Now().Add(actorstest.Patience)
	for {
		frame, rest, err := packet.Split(c.buf, packet.MaxSize)
		if err != nil {
			c.t.Fatal(err)
		}
		if frame != nil {
			c.buf = rest
			p, err := packet.Decode(frame, c.version)
			if err != nil {
				c.t.Fatalf("% x: %v", frame, err)
			}
			return p
		}
		var b [4096]byte
		_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := c.conn.Read(b[:])
		c.buf = append(c.buf, b[:n]...)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			c.world.node.Fire()
			if time.Now().After(late) {
				c.t.Fatal("nothing came")
			}
		case err != nil && n == 0:
			if !errors.Is(err, io.EOF) && len(c.buf) > 0 {
				c.t.Fatal(err)
			}
			return nil
		}
	}
}
