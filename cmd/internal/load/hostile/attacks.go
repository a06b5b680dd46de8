package hostile

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/cmd/internal/load/frames"
)

// attackerAddress is where all that is hostile comes from.
const attackerAddress = "127.0.0.2"

// An attack is made by many at a time, again and again.
type attack struct {
	name string
	many int
	once func(ctx context.Context, done *atomic.Int64)
}

// begin starts all attacks.
func (h *neighbor) begin(ctx context.Context, all *sync.WaitGroup) {
	attacks := h.byHTTP()
	if h.secure != nil {
		attacks = append(attacks, attack{"handshakes that never end", 50, h.silent(h.bare(h.addr), "\x16\x03\x01\x02\x00\x01")})
	}
	if h.broker != "" {
		attacks = append(attacks, h.byMQTT()...)
	}
	for _, a := range attacks {
		done := &atomic.Int64{}
		h.attacks[a.name] = done
		for range a.many {
			all.Go(func() {
				for pause(ctx, 50*time.Millisecond) {
					a.once(ctx, done)
				}
			})
		}
	}
}

func (h *neighbor) byHTTP() []attack {
	const large = 200 << 10
	head := func(method, path, token string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: reddot\r\nAuthorization: Bearer " + token + "\r\n"
	}
	get := func(path string) string { return head("GET", path, h.cfg.Attacker) + "\r\n" }
	upgrade := head("GET", "/v1/users/me/ws", h.cfg.Attacker) + "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: reddot.v1\r\n\r\n"
	commands := func(n int) (b []byte) {
		for i := range 50 {
			b = frames.AppendClient(b, 1, fmt.Appendf(nil, `{"type":"subscribe","topic":"users/me/%d/#"}`, n*50+i))
		}
		return b
	}
	return []attack{
		{"lists that are not read", 60, h.silent(h.dial, get("/v1/users/me/messages?limit=200"))},
		{"connections without words", 300, h.silent(h.bare(h.addr), "")},
		{"heads that never end", 50, h.trickle("", "GET / HTTP/1.1\r\n")},
		{"batches that never end", 20, h.trickle(head("POST", "/v1/messages/batch", h.cfg.Attacker)+"Content-Length: 1000000\r\n\r\n", " ")},
		{"streams that are not read", 40, h.silent(h.dial, get("/v1/users/me/stream?topic=users/me/%23"))},
		{"wildcard streams", 4, h.short(h.dial, get("/v1/users/me/stream?topic=users/me/%23"))},
		{"open routes", 4, h.short(h.dial, "GET /openapi.yaml HTTP/1.1\r\nHost: reddot\r\n\r\n")},
		{"guessed tokens", 4, h.short(h.dial, head("GET", "/v1/users/me/counts", "guessed")+"\r\n")},
		{"large frames", 2, h.post("/v1/topics/users%2Fme%2Floud", large)},
		{"retained messages", 2, h.post("/v1/topics/users%2Fme%2Fkept%2F{n}?retain=true", 60<<10)},
		{"commands by WebSocket", 4, h.flood(h.dial, func() []byte { return []byte(upgrade) }, commands)},
	}
}

// A dialer connects from the attacker's address; nil: it was refused.
type dialer func(ctx context.Context) net.Conn

// bare returns a dialer without TLS.
func (h *neighbor) bare(addr string) dialer {
	return func(ctx context.Context) net.Conn {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackerAddress)}, Timeout: 5 * time.Second}
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil
		}
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		return c
	}
}

// dial connects to the HTTP API, with TLS if it has that.
func (h *neighbor) dial(ctx context.Context) net.Conn {
	c := h.bare(h.addr)(ctx)
	if c == nil || h.secure == nil {
		return c
	}
	secure := tls.Client(c, h.secure)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil
	}
	return secure
}

// silent sends words and reads nothing, for half a minute.
func (h *neighbor) silent(dial dialer, words string) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := dial(ctx)
		if c == nil {
			return
		}
		defer func() { _ = c.Close() }()
		done.Add(1)
		_, _ = io.WriteString(c, words)
		pause(ctx, 30*time.Second)
	}
}

// trickle sends words, and then others byte by byte.
func (h *neighbor) trickle(first, words string) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := h.dial(ctx)
		if c == nil {
			return
		}
		defer func() { _ = c.Close() }()
		done.Add(1)
		_, _ = io.WriteString(c, first)
		for i := 0; i < 100 && pause(ctx, 300*time.Millisecond); i++ {
			if _, err := io.WriteString(c, words[i%len(words):][:1]); err != nil {
				return
			}
		}
	}
}

// short sends words, and leaves after the first bytes of the answer.
func (h *neighbor) short(dial dialer, words string) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := dial(ctx)
		if c == nil {
			return
		}
		defer func() { _ = c.Close() }()
		done.Add(1)
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, _ = io.WriteString(c, words)
		_, _ = c.Read(make([]byte, 64))
	}
}

// flood opens a connection with what first returns, reads the first bytes of the
// answer, and then sends more, the n-th time more(n), for as long as it is taken.
// What comes back is read, so that nothing but the flood is the fault.
func (h *neighbor) flood(dial dialer, first func() []byte, more func(n int) []byte) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := dial(ctx)
		if c == nil {
			return
		}
		var all sync.WaitGroup
		defer all.Wait()
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(first()); err != nil {
			return
		}
		if _, err := c.Read(make([]byte, 512)); err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		all.Go(func() { _, _ = io.Copy(io.Discard, c) })
		for n := 0; pause(ctx, 10*time.Millisecond); n++ {
			if _, err := c.Write(more(n)); err != nil {
				return
			}
			done.Add(1)
		}
	}
}

// post publishes to a topic; {n} in the path is another number each time.
func (h *neighbor) post(path string, size int) func(context.Context, *atomic.Int64) {
	client := h.client(attackerAddress)
	body := strings.Repeat("x", size)
	return func(ctx context.Context, done *atomic.Int64) {
		n := done.Add(1)
		at := h.cfg.URL + strings.Replace(path, "{n}", fmt.Sprint(n%2000), 1)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+h.cfg.Attacker)
		if res, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}
}
