package auth

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"reddot/transports"
)

// The names under which a credential travels where a browser cannot set the
// Authorization header.
const (
	TokenParam     = "token"        // in the query
	TokenCookie    = "reddot_token" // as a cookie
	ProtocolPrefix = "bearer."      // in Sec-WebSocket-Protocol, before the token
)

// A source tells where in a request a credential was.
type source uint8

// The sources, in the order in which they are looked at.
const (
	fromNowhere source = iota
	fromHeader
	fromProtocol
	fromQuery
	fromCookie
)

var sourceNames = [...]string{"nowhere", "header", "protocol", "query", "cookie"}

// String names the source in logs.
func (s source) String() string { return sourceNames[s] }

// credentials are what a request brings along to say who calls, not verified.
type credentials struct {
	Source source
	Text   []byte // aliases the request
}

// readCredentials finds the credential of a request. What the client wrote for
// this request goes before the cookie, which a browser adds by itself. An
// Authorization of another scheme is left to the proxy for which it is meant;
// two Authorization headers are refused, for two readers could choose
// differently.
func readCredentials(ctx *fasthttp.RequestCtx) (credentials, error) {
	h := &ctx.Request.Header
	if all := h.PeekAll(fasthttp.HeaderAuthorization); len(all) > 1 {
		return credentials{}, transports.Unauthorizedf("the request has more than one Authorization header")
	} else if len(all) == 1 {
		if text := bearer(all[0]); len(text) > 0 {
			return credentials{fromHeader, text}, nil
		}
	}
	if opensWebSocket(ctx) {
		for _, list := range h.PeekAll(fasthttp.HeaderSecWebSocketProtocol) {
			if text := protocolToken(list); len(text) > 0 {
				return credentials{fromProtocol, text}, nil
			}
		}
	}
	if text := ctx.QueryArgs().Peek(TokenParam); len(text) > 0 {
		return credentials{fromQuery, text}, nil
	}
	if text := h.Cookie(TokenCookie); len(text) > 0 {
		return credentials{fromCookie, text}, nil
	}
	return credentials{}, transports.ErrNoCredential
}

// bearer returns the token of "Bearer <token>" (RFC 6750 section 2.1), or nil.
// The scheme's case does not matter (RFC 9110 section 11.1).
func bearer(value []byte) []byte {
	scheme, rest, ok := bytes.Cut(value, []byte(" "))
	if !ok || !bytes.EqualFold(scheme, []byte("bearer")) {
		return nil
	}
	return bytes.Trim(rest, " ")
}

// protocolToken returns the token among the subprotocols that a client offers
// (RFC 6455 section 11.3.4), or nil. The server chooses this one only where nothing
// else is offered, for browsers close a connection that agrees on none.
func protocolToken(list []byte) []byte {
	for len(list) > 0 {
		var offer []byte
		offer, list, _ = bytes.Cut(list, []byte(","))
		if text, ok := bytes.CutPrefix(bytes.TrimSpace(offer), []byte(ProtocolPrefix)); ok {
			return text
		}
	}
	return nil
}

// opensWebSocket tells whether the request may become a WebSocket, among
// whatever else it would upgrade to. The handshake reads all fields as one list
// (RFC 9110 section 5.3), and so does this: what it took for no WebSocket would
// pass unchecked.
func opensWebSocket(ctx *fasthttp.RequestCtx) bool {
	for _, list := range ctx.Request.Header.PeekAll(fasthttp.HeaderUpgrade) {
		for protocol := range bytes.SplitSeq(list, []byte(",")) {
			if bytes.EqualFold(bytes.TrimSpace(protocol), []byte("websocket")) {
				return true
			}
		}
	}
	return false
}
