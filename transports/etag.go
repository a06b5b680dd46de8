package transports

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// AppendETag appends the cursor as a strong entity tag.
func AppendETag(b []byte, c actors.Cursor) []byte {
	return append(c.Append(append(b, '"')), '"')
}

// NoneMatch tells whether the request's If-None-Match names the entity tag, so
// that the client has it already.
func NoneMatch(ctx *fasthttp.RequestCtx, etag []byte) bool {
	for _, field := range ctx.Request.Header.PeekAll(fasthttp.HeaderIfNoneMatch) {
		if etagListed(field, etag) {
			return true
		}
	}
	return false
}

// etagListed tells whether a value of If-None-Match (RFC 9110 section 13.1.2)
// names the tag: it is an asterisk or a list, compared weakly (section 8.8.3.2).
// Behind the first thing that is no entity tag nothing counts.
func etagListed(list, etag []byte) bool {
	list = trimOWS(list)
	if string(list) == "*" {
		return true
	}
	for {
		list = bytes.TrimLeft(list, " \t,")
		list = bytes.TrimPrefix(list, []byte("W/"))
		if len(list) == 0 || list[0] != '"' {
			return false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		tag := list[:end+2]
		list = trimOWS(list[end+2:])
		if bytes.Equal(tag, etag) {
			return true
		}
		if len(list) > 0 && list[0] != ',' {
			return false
		}
	}
}

func trimOWS(b []byte) []byte { return bytes.Trim(b, " \t") }
