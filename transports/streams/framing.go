package streams

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// ErrCoding answers a request in a transfer coding that the server does not
// know (RFC 9112 section 6.1); HTTP answers it with 501.
var ErrCoding = &actors.Error{Code: actors.Invalid, Field: fasthttp.HeaderTransferEncoding,
	Detail: "of transfer codings the server knows chunked, once, by HTTP/1.1"}

// errFraming answers a request whose body two readers could end at different
// places (RFC 9112 section 6.3).
var errFraming = &actors.Error{Code: actors.Invalid, Field: fasthttp.HeaderContentLength,
	Detail: "the request has Content-Length beside Transfer-Encoding; give one of them"}

// CheckFraming refuses a request whose body does not end where every reader sees
// its end. It looks at the head as it came, for fasthttp takes a
// Transfer-Encoding of identity for none, and lets chunked win over a
// Content-Length. The connection must not be used on after an error.
func CheckFraming(ctx *fasthttp.RequestCtx) error {
	head := ctx.Request.Header.RawHeaders()
	switch {
	case !hasField(head, fasthttp.HeaderTransferEncoding):
		return nil
	case hasField(head, fasthttp.HeaderContentLength):
		return errFraming
	case ctx.Request.Header.ContentLength() != -1: // -1: chunked
		return ErrCoding
	}
	return nil
}

// hasField tells whether a field of the name stands in the lines of a head.
func hasField(head []byte, name string) bool {
	for len(head) > len(name) {
		if head[0]|0x20 == name[0]|0x20 && bytes.EqualFold(head[:len(name)], []byte(name)) {
			if rest := bytes.TrimLeft(head[len(name):], " \t"); len(rest) > 0 && rest[0] == ':' {
				return true
			}
		}
		end := bytes.IndexByte(head, '\n')
		if end < 0 {
			return false
		}
		head = head[end+1:]
	}
	return false
}
