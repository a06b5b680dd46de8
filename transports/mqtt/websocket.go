package mqtt

import (
	"bytes"
	"sync"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
	"reddot/transports/websocket"
)

// MQTT over WebSocket (MQTT 5, 6): a stream of bytes in binary frames, whose
// borders mean nothing [MQTT-6.0.0-2].

// subprotocol is what client and server must agree on [MQTT-6.0.0-3]
// [MQTT-6.0.0-4].
const subprotocol = "mqtt"

// HandleWebSocket makes a request for /mqtt a connection. Who its client is,
// and what it may, CONNECT says: the origin of a page proves nothing here, and
// no cookie is looked at.
func (s *Server) HandleWebSocket(ctx *fasthttp.RequestCtx) {
	if !offers(ctx.Request.Header.PeekAll(fasthttp.HeaderSecWebSocketProtocol)) {
		websocket.Refuse(ctx, actors.Errorf(actors.Invalid, "this is the address of MQTT over WebSocket: its client offers the subprotocol mqtt"))
		return
	}
	head, err := websocket.Handshake(ctx, []byte(subprotocol), "")
	if err != nil {
		websocket.Refuse(ctx, err)
		return
	}
	place, err := s.deps.Streams.Admit(ctx, "mqtt", nil, "")
	if err != nil {
		ctx.Hijack(nil)
		transports.WriteProblem(ctx, err)
		return
	}
	w := &webSocket{}
	w.server, w.framed = s, true
	place.Hijack(ctx, streams.Opening{Head: head, Protocol: w, Timeout: s.cfg.ConnectTimeout})
}

// offers tells whether a client offers the subprotocol.
func offers(lists [][]byte) bool {
	for _, list := range lists {
		for offer := range bytes.SplitSeq(list, []byte(",")) {
			if string(bytes.TrimSpace(offer)) == subprotocol {
				return true
			}
		}
	}
	return false
}

// A webSocket is a session whose bytes come and go in frames. What it takes to
// read them is held only while a message is cut.
type webSocket struct {
	session
	parser *websocket.Parser // nil: nothing is cut
}

var _ websocket.Listener = (*webSocket)(nil)

// idleParsers are between two messages, and so know nothing of any.
var idleParsers = sync.Pool{New: func() any { return &websocket.Parser{Binary: true} }}

// Receive implements streams.Protocol.
func (w *webSocket) Receive(socket *streams.Socket, b []byte) bool {
	w.mu.Lock()
	w.bind(socket)
	w.mu.Unlock()
	p := w.parser
	if p == nil {
		p = idleParsers.Get().(*websocket.Parser)
	}
	bad, stopped := p.Feed(b, w)
	w.parser = p
	if bad != nil {
		w.farewell.Or(uint32(bad.Code) << closeShift)
		socket.Close(actors.EndProtocol)
		return false
	}
	if p.IsIdle() {
		w.parser = nil
		idleParsers.Put(p)
	}
	return !stopped
}

// Message implements websocket.Listener: a packet may span messages, and a message
// hold several.
func (w *webSocket) Message(piece []byte) bool {
	return len(piece) == 0 || w.session.Receive(w.socket, piece)
}

// Control implements websocket.Listener.
func (w *webSocket) Control(opcode byte, payload []byte) bool {
	switch opcode {
	case websocket.OpPing:
		if w.isOver() {
			return true
		}
		if _, err := w.socket.Send(websocket.AppendFrame(nil, websocket.OpPong, payload)); err != nil {
			w.socket.Close(actors.EndSlow) // or gone, which then is known already
			return false
		}
	case websocket.OpClose:
		answer, bad := websocket.AnswerClose(payload)
		why := actors.EndGone // without a DISCONNECT, the will is published
		if bad != nil {
			answer, why = *bad, actors.EndProtocol
		}
		w.farewell.Or(uint32(answer.Code) << closeShift)
		w.socket.Close(why)
		return false
	}
	return true
}

// ReceiveLate implements streams.LateReceiver.
func (w *webSocket) ReceiveLate(socket *streams.Socket, b []byte) bool {
	w.over(goneUnheard)
	return w.Receive(socket, b)
}

// AppendEnd implements streams.Protocol.
func (w *webSocket) AppendEnd(b []byte, socket *streams.Socket, why actors.End, sent bool) []byte {
	if last := w.session.AppendEnd(nil, socket, why, sent); len(last) > 0 {
		b = websocket.AppendFrame(b, websocket.OpBinary, last)
	}
	code := uint16(w.farewell.Load() >> closeShift)
	if code == 0 {
		code = transports.CloseOfEnd(why).Code
	}
	return websocket.AppendClose(b, transports.Close{Code: code})
}

// closeShift is where session.farewell holds the code of a close frame.
const closeShift = 16
