package ws

import (
	"bytes"
	"encoding/base64"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"reddot/actors"
	"reddot/transports"
)

// Subprotocol is the name of what is spoken. A client that asks for none is
// spoken to in the same way.
const Subprotocol = "reddot.v1"

// Config bounds what a client may send. The size of a message is
// transports.Limits.MaxFrame.
type Config struct {
	// FramesPerSecond is how many frames a client may send on the average.
	// Zero: 20. Negative: no limit.
	FramesPerSecond float64
	// FrameBurst is how many may come at once; as many above the pace, one
	// after the other, end the connection. Zero: 60.
	FrameBurst int
	// MaxUnanswered is how many frames may wait for their answers. Zero: 64.
	MaxUnanswered int
}

// Sockets serves GET …/ws.
type Sockets struct {
	cfg      Config
	deps     transports.Deps
	upgrader websocket.FastHTTPUpgrader
	parsers  fastjson.ParserPool
	events   kind
	texts    kind
}

// New returns the handlers of WebSockets.
func New(cfg Config, deps transports.Deps) *Sockets {
	if cfg.FramesPerSecond == 0 {
		cfg.FramesPerSecond = 20
	}
	if cfg.FrameBurst == 0 {
		cfg.FrameBurst = 60
	}
	if cfg.MaxUnanswered == 0 {
		cfg.MaxUnanswered = 64
	}
	w := &Sockets{cfg: cfg, deps: deps, upgrader: websocket.FastHTTPUpgrader{
		// Whether the origin may is a matter of how the caller is known, and
		// was decided together with that.
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true },
		Error:       refuse,
	}}
	w.events = kind{sockets: w, format: Format{}}
	w.texts = kind{sockets: w, format: TextFormat{}, plain: true}
	return w
}

// Handle is a transports.Handler: it makes the request a WebSocket.
func (w *Sockets) Handle(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	w.open(ctx, caller, user, &w.events)
}

// open makes the request a WebSocket of the kind.
func (w *Sockets) open(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key, k *kind) {
	after, err := transports.After(ctx)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	place, err := w.deps.Streams.Admit(ctx, "ws", caller, user)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	head, ok := w.handshake(ctx)
	if !ok {
		place.Leave()
		return
	}
	place.Hijack(ctx, transports.Opening{Head: head, Format: k.format, After: after, Protocol: &session{kind: k}})
}

// handshake checks the request (RFC 6455 section 4.2) and returns the head of
// the answer, or answers itself why not. What the library does not check is the
// version of HTTP and the key's form. Nothing but the handshake is taken from
// it: its connection holds buffers, and writes frames of its own.
func (w *Sockets) handshake(ctx *fasthttp.RequestCtx) (head []byte, ok bool) {
	key, err := base64.StdEncoding.DecodeString(string(ctx.Request.Header.Peek(fasthttp.HeaderSecWebSocketKey)))
	if err != nil || len(key) != 16 || transports.IsHTTP10(ctx) {
		refuse(ctx, fasthttp.StatusBadRequest, err)
		return nil, false
	}
	h := &ctx.Response.Header
	h.SetNoDefaultContentType(true)
	if p := subprotocol(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketProtocol)); p != nil {
		h.SetBytesV(fasthttp.HeaderSecWebSocketProtocol, p)
	}
	if w.upgrader.Upgrade(ctx, func(*websocket.Conn) {}) != nil {
		ctx.Hijack(nil)
		return nil, false
	}
	return bytes.Clone(h.Header()), true
}

// subprotocol returns which of the offered ones the answer names, or nil for
// none. One that carries a token is not repeated, unless it is the only one: a
// browser takes an answer without any for a refusal.
func subprotocol(lists [][]byte) []byte {
	var only []byte
	n := 0
	for _, list := range lists {
		for offer := range bytes.SplitSeq(list, []byte(",")) {
			offer = bytes.TrimSpace(offer)
			if string(offer) == Subprotocol {
				return offer
			}
			only = offer
			n++
		}
	}
	if n == 1 && bytes.HasPrefix(only, []byte(transports.ProtocolPrefix)) {
		return only
	}
	return nil
}

// refuse answers a request that cannot become a WebSocket.
func refuse(ctx *fasthttp.RequestCtx, _ int, reason error) {
	transports.WriteProblem(ctx, &actors.Error{Code: actors.Invalid, Detail: "this is the address of a WebSocket, and the request opens none (RFC 6455 section 4.2.1)", Cause: reason})
	ctx.Response.Header.Set(fasthttp.HeaderSecWebSocketVersion, "13")
}
