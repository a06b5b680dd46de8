package websocket

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// upgrader checks the rest of a request. Whether the origin may is decided together
// with how the caller is known, and errors are answered by whoever asks.
var upgrader = websocket.FastHTTPUpgrader{
	CheckOrigin: func(*fasthttp.RequestCtx) bool { return true },
	Error:       func(*fasthttp.RequestCtx, int, error) {},
}

// Handshake checks the request (RFC 6455 section 4.2) and returns the head of the
// answer, which names the subprotocol and the extensions if they are not empty, or
// why there can be none. Nothing but the handshake is taken from the library: its
// connection holds buffers, and writes frames of its own.
func Handshake(ctx *fasthttp.RequestCtx, subprotocol []byte, extensions string) (head []byte, err error) {
	if err := checkRequest(&ctx.Request.Header, transports.IsHTTP10(ctx)); err != nil {
		return nil, err
	}
	joinFields(&ctx.Request.Header, fasthttp.HeaderConnection)
	joinFields(&ctx.Request.Header, fasthttp.HeaderUpgrade)
	h := &ctx.Response.Header
	h.SetNoDefaultContentType(true)
	if len(subprotocol) > 0 {
		h.SetBytesV(fasthttp.HeaderSecWebSocketProtocol, subprotocol)
	}
	if err := upgrader.Upgrade(ctx, func(*websocket.Conn) {}); err != nil {
		return nil, noWebSocket(err.Error())
	}
	if extensions != "" {
		h.Set(fasthttp.HeaderSecWebSocketExtensions, extensions)
	}
	return bytes.Clone(h.Header()), nil
}

// Refuse answers a request that opens no WebSocket.
func Refuse(ctx *fasthttp.RequestCtx, err error) {
	ctx.Hijack(nil)
	transports.WriteProblem(ctx, err)
	ctx.Response.Header.Set(fasthttp.HeaderSecWebSocketVersion, "13") // section 4.4
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
