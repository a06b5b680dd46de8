package ws

import (
	"bytes"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/streams"
	"reddot/transports/websocket"
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
	Compression bool `yaml:"compression"`
	// ConflateHidden spares clients that say that nobody sees them: they are told
	// the counts alone, at most once a second, and what happened when they are seen
	// again.
	ConflateHidden bool `yaml:"conflate_hidden"`
}

// Sockets serves GET …/ws.
type Sockets struct {
	cfg      Config
	deps     streams.Deps
	began    time.Time // paces are measured from here
	events   kind
	deflated kind
	texts    kind
	gone     *streams.Subscriber // of whoever has left
}

// New returns the handlers of WebSockets.
func New(cfg Config, deps streams.Deps) *Sockets {
	if cfg.FramesPerSecond == 0 {
		cfg.FramesPerSecond = 20
	}
	if cfg.FrameBurst == 0 {
		cfg.FrameBurst = 60
	}
	if cfg.MaxUnanswered == 0 {
		cfg.MaxUnanswered = 64
	}
	w := &Sockets{cfg: cfg, deps: deps, began: time.Now()}
	w.events = kind{sockets: w, format: Format{}, topics: streams.TopicForm{Form: topicForm, Append: appendText}}
	w.deflated = kind{sockets: w, format: DeflatedFormat{}, inflates: true,
		topics: streams.TopicForm{Form: deflatedTopicForm, Append: appendDeflated}}
	w.texts = kind{sockets: w, format: TextFormat{}, plain: true}
	w.gone = streams.NewSubscriber(&w.deps, nil, w.events.topics)
	w.gone.Leave()
	return w
}

// Handle is a streams.Handler: it makes the request a WebSocket.
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
		place.Release()
		websocket.Refuse(ctx, err)
		return
	}
	if deflated {
		k = &w.deflated
	}
	place.Hijack(ctx, streams.Opening{Head: head, Format: k.format, After: after, Protocol: &session{kind: k}})
}

// handshake checks the request and returns the head of the answer, or why there
// can be none.
func (w *Sockets) handshake(ctx *fasthttp.RequestCtx, mayDeflate bool) (head []byte, deflated bool, err error) {
	offers, err := parseExtensions(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketExtensions))
	if err != nil {
		return nil, false, err
	}
	extensions := ""
	if mayDeflate {
		extensions = agreeOnDeflate(offers)
	}
	head, err = websocket.Handshake(ctx, subprotocol(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketProtocol)), extensions)
	return head, extensions != "", err
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
	if n == 1 && bytes.HasPrefix(only, []byte(auth.ProtocolPrefix)) {
		return only
	}
	return nil
}
