package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// attackerAddress is where all that is hostile comes from.
const attackerAddress = "127.0.0.2"

// begin starts all attacks.
func (h *hostile) begin(ctx context.Context, all *sync.WaitGroup) {
	const large = 200 << 10
	get := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: reddot\r\nAuthorization: Bearer " + h.cfg.Attacker + "\r\n\r\n"
	}
	for name, attack := range map[string]struct {
		many int
		once func(ctx context.Context, done *atomic.Int64)
	}{
		"lists that are not read":   {60, h.silent(get("/v1/users/me/messages?limit=200"))},
		"connections without words": {300, h.silent("")},
		"heads that never end":      {50, h.trickle},
		"streams that are not read": {40, h.silent(get("/v1/users/me/stream?topic=users/me/%23"))},
		"wildcard streams":          {4, h.short(get("/v1/users/me/stream?topic=users/me/%23"))},
		"open routes":               {4, h.short("GET /openapi.yaml HTTP/1.1\r\nHost: reddot\r\n\r\n")},
		"large frames":              {2, h.post("/v1/topics/users%2Fme%2Floud", large)},
		"retained messages":         {2, h.post("/v1/topics/users%2Fme%2Fkept%2F{n}?retain=true", 60<<10)},
	} {
		done := &atomic.Int64{}
		h.attacks[name] = done
		for range attack.many {
			all.Go(func() {
				for pause(ctx, 50*time.Millisecond) {
					attack.once(ctx, done)
				}
			})
		}
	}
}

// dial connects from the attacker's address; nil: it was refused.
func (h *hostile) dial(ctx context.Context) *net.TCPConn {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackerAddress)}, Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, "tcp", h.addr)
	if err != nil {
		return nil
	}
	tcp := c.(*net.TCPConn)
	_ = tcp.SetReadBuffer(4 << 10)
	return tcp
}

// silent sends words and reads nothing, until the server ends the connection.
func (h *hostile) silent(words string) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := h.dial(ctx)
		if c == nil {
			return
		}
		defer func() { _ = c.Close() }()
		done.Add(1)
		_, _ = io.WriteString(c, words)
		for i := 0; i < 30 && pause(ctx, time.Second); i++ {
			if words == "" {
				if _, err := c.Write(nil); err != nil {
					return
				}
			}
		}
	}
}

// trickle sends a head byte by byte.
func (h *hostile) trickle(ctx context.Context, done *atomic.Int64) {
	c := h.dial(ctx)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	done.Add(1)
	for i := 0; i < 100 && pause(ctx, 300*time.Millisecond); i++ {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"[i%16:i%16+1]); err != nil {
			return
		}
	}
}

// short sends words, and leaves after the first bytes of the answer.
func (h *hostile) short(words string) func(context.Context, *atomic.Int64) {
	return func(ctx context.Context, done *atomic.Int64) {
		c := h.dial(ctx)
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

// post publishes to a topic; {n} in the path is another number each time.
func (h *hostile) post(path string, size int) func(context.Context, *atomic.Int64) {
	client := clientFrom(attackerAddress)
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
