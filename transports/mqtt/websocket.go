package mqtt

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
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
	head, ok := handshake(ctx)
	if !ok {
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
	place.Hijack(ctx, transports.Opening{Head: head, Protocol: w, Timeout: s.cfg.ConnectTimeout})
}

// handshake checks the request (RFC 6455 section 4.2) and returns the head of
// the answer, or answers itself why not.
func handshake(ctx *fasthttp.RequestCtx) (head []byte, ok bool) {
	refuse := func(detail string) ([]byte, bool) {
		transports.WriteProblem(ctx, &actors.Error{Code: actors.Invalid, Detail: detail})
		ctx.Response.Header.Set(fasthttp.HeaderSecWebSocketVersion, "13")
		return nil, false
	}
	h := &ctx.Request.Header
	key, err := base64.StdEncoding.DecodeString(string(h.Peek(fasthttp.HeaderSecWebSocketKey)))
	if err != nil || len(key) != 16 || transports.IsHTTP10(ctx) {
		return refuse("this is the address of MQTT over WebSocket, and the request opens none (RFC 6455 section 4.2.1)")
	}
	if !offers(h.PeekAll(fasthttp.HeaderSecWebSocketProtocol)) {
		return refuse("a client of MQTT offers the subprotocol mqtt")
	}
	up := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }, Error: func(ctx *fasthttp.RequestCtx, _ int, _ error) {
		refuse("the request opens no WebSocket (RFC 6455 section 4.2.1)")
	}}
	out := &ctx.Response.Header
	out.SetNoDefaultContentType(true)
	out.Set(fasthttp.HeaderSecWebSocketProtocol, subprotocol)
	if up.Upgrade(ctx, func(*websocket.Conn) {}) != nil {
		ctx.Hijack(nil)
		return nil, false
	}
	return bytes.Clone(out.Header()), true
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

// The opcodes (RFC 6455 section 5.2), and the bits beside them.
const (
	opContinuation = 0x0
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	finBit  = 0x80
	maskBit = 0x80
)

// maxControl is the longest payload of a control frame (section 5.5).
const maxControl = 125

// A webSocket is a session whose bytes come and go in frames. What it takes to
// read them is held only while a frame is cut.
type webSocket struct {
	session
	frames frameReader
}

// Receive implements transports.Protocol.
func (w *webSocket) Receive(socket *transports.Socket, b []byte) bool {
	r := &w.frames
	for len(b) > 0 {
		piece, rest, err := r.next(b)
		if err != closeNone {
			return w.closeWith(socket, err)
		}
		b = rest
		switch {
		case piece == nil: // the head is not complete
		case r.opcode == opBinary:
			if len(piece) > 0 && !w.session.Receive(socket, piece) {
				return false
			}
		case r.left > 0: // more of a control frame is to come
			r.control = append(r.control, piece...)
		default:
			if !w.answer(socket, append(r.control, piece...)) {
				return false
			}
			r.control = nil
		}
	}
	return true
}

// Heed implements transports.Heeder.
func (w *webSocket) Heed(socket *transports.Socket, b []byte) bool {
	w.over(goneUnheard)
	return w.Receive(socket, b)
}

// answer answers a control frame.
func (w *webSocket) answer(socket *transports.Socket, payload []byte) bool {
	switch w.frames.opcode {
	case opPing:
		if w.isOver() {
			return true
		}
		if _, err := socket.Send(append(appendFrameHead(nil, opPong, len(payload)), payload...)); err != nil {
			socket.Close(actors.EndSlow) // or gone, which then is known already
			return false
		}
	case opClose:
		socket.Close(actors.EndGone) // without a DISCONNECT, the will is published
		return false
	}
	return true
}

// closeWith ends the connection with a code.
func (w *webSocket) closeWith(socket *transports.Socket, code uint16) bool {
	w.farewell.Or(uint32(code) << closeShift)
	socket.Close(actors.EndProtocol)
	return false
}

// AppendFarewell implements transports.Protocol.
func (w *webSocket) AppendFarewell(b []byte, socket *transports.Socket, why actors.End, spoken bool) []byte {
	if last := w.session.AppendFarewell(nil, socket, why, spoken); len(last) > 0 {
		b = append(appendFrameHead(b, opBinary, len(last)), last...)
	}
	code := uint16(w.farewell.Load() >> closeShift) // #nosec G115 -- four digits
	if code == closeNone {
		code = transports.CloseOfEnd(why).Code
	}
	return binary.BigEndian.AppendUint16(appendFrameHead(b, opClose, 2), code)
}

// closeShift is where session.farewell holds the code of a close frame.
const closeShift = 16

// The codes with which frames are refused (section 7.4.1).
const (
	closeNone        uint16 = 0
	closeProtocol    uint16 = 1002
	closeUnsupported uint16 = 1003 // [MQTT-6.0.0-1]: only binary frames
)

// appendFrameHead appends what precedes a payload of n bytes from a server.
func appendFrameHead(b []byte, opcode byte, n int) []byte {
	b = append(b, finBit|opcode)
	switch {
	case n <= maxControl:
		return append(b, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n)) // #nosec G115 -- just compared
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n)) // #nosec G115 -- a length
}

// A frameReader finds the payload in a client's frames, which come in pieces of
// any size. Payload is passed on as it comes: a packet may span frames, and a
// frame hold several.
type frameReader struct {
	head    [14]byte // of a frame that is cut
	headLen uint8
	opcode  byte // of the frame; a continuation has that of its message
	at      uint8
	open    bool // a message is not complete
	mask    [4]byte
	left    uint64 // bytes of payload that are to come
	control []byte // what has come of a control frame
}

// next returns the next piece of payload, unmasked in place, and what follows
// it. piece is nil while a head is not complete. A code other than closeNone
// refuses the frame.
func (r *frameReader) next(b []byte) (piece, rest []byte, code uint16) {
	if r.left == 0 {
		n, done, code := r.readHead(b)
		if b = b[n:]; code != closeNone || !done {
			return nil, b, code
		}
		if r.left == 0 {
			return []byte{}, b, closeNone
		}
	}
	n := int(min(uint64(len(b)), r.left)) // #nosec G115 -- at most len(b)
	piece = b[:n]
	for i := range piece {
		piece[i] ^= r.mask[r.at&3]
		r.at++
	}
	r.left -= uint64(n) // #nosec G115 -- not negative
	return piece, b[n:], closeNone
}

// readHead collects a head. It returns how many bytes of b belong to it, and
// whether it is complete.
func (r *frameReader) readHead(b []byte) (n int, done bool, code uint16) {
	for {
		need := 2
		if r.headLen >= 2 {
			need = headLen(r.head[1])
		}
		k := copy(r.head[r.headLen:need], b[n:])
		r.headLen += uint8(k) // #nosec G115 -- at most 14
		if n += k; int(r.headLen) < need {
			return n, false, closeNone
		}
		if need > 2 {
			break
		}
		if r.head[0]&0x70 != 0 || r.head[1]&maskBit == 0 { // before the rest is waited for
			return n, false, closeProtocol
		}
	}
	code = r.begin()
	r.headLen = 0
	return n, true, code
}

// headLen returns the length of a masked head whose second byte is given.
func headLen(second byte) int {
	switch second &^ maskBit {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	}
	return 2 + 4
}

// begin takes in a head (section 5.2).
func (r *frameReader) begin() uint16 {
	first, second := r.head[0], r.head[1]
	opcode, fin := first&0x0F, first&finBit != 0
	length := uint64(second &^ maskBit)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(r.head[2:]))
	case 127:
		length = binary.BigEndian.Uint64(r.head[2:])
	}
	switch {
	case length>>63 != 0:
		return closeProtocol
	case opcode >= opClose:
		if opcode > opPong || !fin || length > maxControl {
			return closeProtocol
		}
	case opcode == opContinuation:
		if !r.open {
			return closeProtocol
		}
		opcode, r.open = opBinary, !fin
	case opcode != opBinary:
		return closeUnsupported
	case r.open:
		return closeProtocol
	default:
		r.open = !fin
	}
	r.opcode, r.left, r.at = opcode, length, 0
	copy(r.mask[:], r.head[r.headLen-4:r.headLen])
	return closeNone
}
