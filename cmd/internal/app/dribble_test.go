package app

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/cmd/internal/config"
	"reddot/transports/mqtt/packet"
)

// readTimeout and the like of these tests: short, and far from their own patience.
const (
	stingy = time.Second
	drop   = stingy / 14 // between the bytes of a client that dribbles
)

// A dribble opens a connection and says what it sends there, one byte at a time;
// nil: nothing at all.
type dribble struct {
	dial func(*testing.T, *App) net.Conn
	text []byte
}

// TestDribbles lets clients send their first bytes one at a time, or none, as far
// as there is something to send: a head, a body, a handshake of TLS, a CONNECT.
// Each is closed when its time is over, however often something comes, and others
// are served meanwhile.
func TestDribbles(t *testing.T) { plainAndTLS(t, dribbles) }

func dribbles(t *testing.T, cfg config.Config) {
	cfg.Server.ReadTimeout, cfg.Server.IdleTimeout, cfg.MQTT.ConnectTimeout = stingy, stingy, stingy
	cfg.Metrics.Listen = "127.0.0.1:0"
	a, _ := start(t, cfg)
	secured, mqttAddr := cfg.TLS.Cert != "", a.MQTTAddr()
	if secured {
		mqttAddr = a.MQTTSecureAddr()
	}
	head := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 1000)
	connect := (&packet.Connect{Version: packet.V5, CleanStart: true, KeepAlive: 30, ClientID: bytes.Repeat([]byte("x"), 200)}).Append(nil, packet.V5)
	slow := map[string]dribble{
		"nothing":              {to(a.Addr(), secured), nil},
		"a head":               {to(a.Addr(), secured), []byte(head)},
		"a head of an upgrade": {to(a.Addr(), secured), []byte("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nX-Long: " + strings.Repeat("x", 1000))},
		"a body":               {behind(to(a.Addr(), secured), "POST /v1/users/alice/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", ""), bytes.Repeat([]byte(" "), 900)},
		"a second head":        {behind(to(a.Addr(), secured), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", `{"status":"ok"}`), []byte(head)},
		"nothing behind one":   {behind(to(a.Addr(), secured), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", `{"status":"ok"}`), nil},
		"metrics: nothing":     {to(a.watched, false), nil},
		"metrics: a head":      {to(a.watched, false), []byte(head)},
		"MQTT: nothing":        {to(mqttAddr, secured), nil},
		"MQTT: CONNECT":        {to(mqttAddr, secured), connect},
		"/mqtt: nothing": {behind(to(a.Addr(), secured), "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "\r\n\r\n"), nil},
	}
	if secured {
		slow["a handshake that does not begin"] = dribble{to(a.Addr(), false), nil}
		slow["a handshake"] = dribble{to(a.Addr(), false), hello(t)}
		slow["MQTT: a handshake that does not begin"] = dribble{to(mqttAddr, false), nil}
		slow["MQTT: a handshake"] = dribble{to(mqttAddr, false), hello(t)}
	}
	var all sync.WaitGroup
	defer all.Wait()
	for name, d := range slow {
		all.Go(func() {
			conn := d.dial(t, a)
			defer func() { _ = conn.Close() }()
			took, sent, err := d.run(conn)
			if err != nil {
				t.Errorf("%s: after %v and %d bytes: %v", name, took, sent, err)
			}
		})
	}
	for range 5 { // meanwhile
		began := time.Now()
		if status := health(t, a, secureClient(), "/healthz"); status != http.StatusOK {
			t.Errorf("got %d", status)
		}
		c := &packetClient{conn: to(mqttAddr, secured)(t, a), version: packet.V5}
		c.send(t, &packet.Connect{Version: packet.V5, CleanStart: true, KeepAlive: 30, Username: []byte("alice")})
		if got := c.connected(t); got != "" {
			t.Errorf("MQTT: %s after %v", got, time.Since(began))
		}
		_ = c.conn.Close()
	}
}

// run dribbles until the server closes, and returns after what time and how many
// bytes that was, with why it is wrong.
func (d *dribble) run(conn net.Conn) (took time.Duration, sent int, err error) {
	began := time.Now()
	end := make(chan error, 1)
	go func() {
		_ = conn.SetReadDeadline(began.Add(patience))
		_, err := io.Copy(io.Discard, conn)
		end <- err
	}()
	for {
		select {
		case err := <-end:
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return time.Since(began), sent, err
			}
			if sent == len(d.text) && sent > 0 {
				return time.Since(began), sent, errors.New("it could send all")
			}
			return time.Since(began), sent, nil
		case <-time.After(drop):
			if sent < len(d.text) {
				if _, err := conn.Write(d.text[sent : sent+1]); err == nil {
					sent++
				}
			}
		}
	}
}

// to connects, and shakes hands if the server has TLS.
func to(addr net.Addr, secured bool) func(*testing.T, *App) net.Conn {
	return func(t *testing.T, _ *App) net.Conn {
		conn, err := net.DialTimeout("tcp", addr.String(), patience)
		if err != nil {
			t.Error(err)
			return nil
		}
		if !secured {
			return conn
		}
		c := tls.Client(conn, trusting())
		if err := c.HandshakeContext(t.Context()); err != nil {
			t.Error(err)
		}
		return c
	}
}

// behind sends something first, and reads to the end of the answer.
func behind(dial func(*testing.T, *App) net.Conn, text, answer string) func(*testing.T, *App) net.Conn {
	return func(t *testing.T, a *App) net.Conn {
		conn := dial(t, a)
		if _, err := fmt.Fprint(conn, text); err != nil {
			t.Error(err)
		}
		var got []byte
		for b := make([]byte, 1024); !bytes.HasSuffix(got, []byte(answer)); {
			n, err := conn.Read(b)
			if err != nil {
				t.Errorf("got %q, %v", got, err)
				break
			}
			got = append(got, b[:n]...)
		}
		return conn
	}
}

// hello returns how a handshake of TLS begins.
func hello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer func() { _ = server.Close() }()
	go func() {
		_ = tls.Client(client, trusting()).Handshake()
		_ = client.Close()
	}()
	b := make([]byte, 4096)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func secureClient() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: trusting(), DisableKeepAlives: true}}
}
