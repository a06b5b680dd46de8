package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/fasthttp/websocket"
)

// Close codes of the API that say not to come back.
const (
	firstFinalClose = 4100
	lastFinalClose  = 4199
)

// subprotocol names the frames of API.md.
const subprotocol = "reddot.v1"

// followWebSocket is one connection by WebSocket (RFC 6455).
func (c *Client) followWebSocket(ctx context.Context, w *watcher) error {
	u := *c.base
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	q := url.Values{}
	if w.After != "" {
		q.Set("after", w.After)
	}
	head := http.Header{"User-Agent": {c.cfg.Agent}}
	if c.cfg.Key != "" {
		head.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	target := u.String() + userPath(w.User, "/ws")
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	dialer := websocket.Dialer{HandshakeTimeout: c.cfg.Timeout, Subprotocols: []string{subprotocol}, Proxy: http.ProxyFromEnvironment}
	conn, res, err := dialer.DialContext(ctx, target, head)
	if err != nil {
		if res != nil && errors.Is(err, websocket.ErrBadHandshake) {
			return readProblem(res)
		}
		return c.unreachable(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return readFrames(conn, w)
}

// readFrames takes the events of a connection until it ends.
func readFrames(conn *websocket.Conn, w *watcher) error {
	conn.SetReadLimit(maxEvent)
	alive := func() error { return conn.SetReadDeadline(time.Now().Add(silence)) }
	ping := conn.PingHandler()
	conn.SetPingHandler(func(text string) error { return errors.Join(alive(), ping(text)) })
	for {
		if err := alive(); err != nil {
			return err
		}
		_, frame, err := conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code >= firstFinalClose && closed.Code <= lastFinalClose:
			return &Problem{Status: http.StatusForbidden, Detail: closed.Text, Code: "forbidden"}
		case err != nil:
			return err
		}
		if err := w.take(frame); err != nil {
			return err
		}
	}
}
