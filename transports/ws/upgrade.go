package ws

import (
	"bytes"
	"encoding/base64"
	"strings"
	"time"

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
	// Compression lets clients that ask for it have their events compressed,
	// and compress what they send (RFC 7692). It costs a deflate per event
	// that any of them gets, not one per client. Whoever can make a user's
	// messages and watch the connection's bytes may learn from their lengths
	// what else is in an event; a third reason to have it off by default.
	Compression bool
}

// Sockets serves GET …/ws.
type Sockets struct {
	cfg      Config
	deps     transports.Deps
	began    time.Time // paces are measured from here
	upgrader websocket.FastHTTPUpgrader
	parsers  fastjson.ParserPool
	events   kind
	deflated kind
	texts    kind
	gone     *transports.Subscriber // of whoever has left
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
	w := &Sockets{cfg: cfg, deps: deps, began: time.Now(), upgrader: websocket.FastHTTPUpgrader{
		// Whether the origin may is a matter of how the caller is known, and
		// was decided together with that.
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true },
		Error:       func(*fasthttp.RequestCtx, int, error) {}, // open answers
	}}
	w.events = kind{sockets: w, format: Format{}, topics: transports.TopicForm{Form: actors.TopicWebSocket, Append: appendText}}
	w.deflated = kind{sockets: w, format: DeflatedFormat{}, inflates: true,
		topics: transports.TopicForm{Form: actors.TopicWebSocketDeflated, Append: appendDeflated}}
	w.texts = kind{sockets: w, format: TextFormat{}, plain: true}
	w.gone = transports.NewSubscriber(&w.deps, nil, w.events.topics)
	w.gone.Leave()
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
	head, deflated, err := w.handshake(ctx, w.cfg.Compression && k == &w.events)
	if err != nil {
		place.Leave()
		ctx.Hijack(nil)
		transports.WriteProblem(ctx, err)
		ctx.Response.Header.Set(fasthttp.HeaderSecWebSocketVersion, "13") // section 4.4
		return
	}
	if deflated {
		k = &w.deflated
	}
	place.Hijack(ctx, transports.Opening{Head: head, Format: k.format, After: after, Protocol: &session{kind: k}})
}

// handshake checks the request (RFC 6455 section 4.2) and returns the head of
// the answer, or why there can be none. Nothing but the handshake is taken from
// the library: its connection holds buffers, and writes frames of its own.
func (w *Sockets) handshake(ctx *fasthttp.RequestCtx, mayDeflate bool) (head []byte, deflated bool, err error) {
	offers, err := parseExtensions(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketExtensions))
	if err != nil {
		return nil, false, err
	}
	if err := checkRequest(&ctx.Request.Header, transports.IsHTTP10(ctx)); err != nil {
		return nil, false, err
	}
	joinFields(&ctx.Request.Header, fasthttp.HeaderConnection)
	joinFields(&ctx.Request.Header, fasthttp.HeaderUpgrade)
	h := &ctx.Response.Header
	h.SetNoDefaultContentType(true)
	if p := subprotocol(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketProtocol)); p != nil {
		h.SetBytesV(fasthttp.HeaderSecWebSocketProtocol, p)
	}
	if err := w.upgrader.Upgrade(ctx, func(*websocket.Conn) {}); err != nil {
		return nil, false, noWebSocket(err.Error())
	}
	if mayDeflate {
		if answer := agreeOnDeflate(offers); answer != "" {
			h.Set(fasthttp.HeaderSecWebSocketExtensions, answer)
			deflated = true
		}
	}
	return bytes.Clone(h.Header()), deflated, nil
}

// checkRequest checks what the library does not.
func checkRequest(h *fasthttp.RequestHeader, isHTTP10 bool) error {
	keys := h.PeekAll(fasthttp.HeaderSecWebSocketKey)
	for _, key := range keys {
		if nonce, err := base64.StdEncoding.DecodeString(string(key)); err != nil || len(nonce) != 16 || len(keys) > 1 {
			return noWebSocket("Sec-WebSocket-Key must stand once, with 16 bytes in base64")
		}
	}
	switch {
	case h.ContentLength() > 0 || len(h.Peek(fasthttp.HeaderTransferEncoding)) > 0:
		return noWebSocket("it must have no body") // the first frames would be lost in it
	case isHTTP10:
		return noWebSocket("it must be of HTTP/1.1")
	}
	return nil
}

// joinFields makes one field of those which are a list in several (RFC 9110
// section 5.3): the library looks at the first only.
func joinFields(h *fasthttp.RequestHeader, name string) {
	if all := h.PeekAll(name); len(all) > 1 {
		h.SetBytesV(name, bytes.Join(all, []byte(", ")))
	}
}

// noWebSocket is why a request cannot become a WebSocket.
func noWebSocket(reason string) error {
	reason = strings.TrimPrefix(strings.TrimPrefix(reason, "websocket: "), "the client is not using the websocket protocol: ")
	return actors.Errorf(actors.Invalid, "this is the address of a WebSocket, and the request opens none (RFC 6455 section 4.2.1): %s", reason)
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
