package transports

import (
	"bytes"
	"strconv"

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
		if etagListed(field, etag, false) {
			return true
		}
	}
	return false
}

// match tells whether the request's If-Match takes what has the entity tag; an empty
// one is of nothing (RFC 9110 section 13.1.1). Without the field all is taken. Tags are
// compared strongly.
func match(ctx *fasthttp.RequestCtx, etag []byte) bool {
	fields := ctx.Request.Header.PeekAll(fasthttp.HeaderIfMatch)
	for _, field := range fields {
		if len(etag) > 0 && etagListed(field, etag, true) {
			return true
		}
	}
	return len(fields) == 0
}

// MatchVersion tells whether the request's If-Match and If-None-Match take a version; 0:
// there is none.
func MatchVersion(ctx *fasthttp.RequestCtx, version uint64) bool {
	if version == 0 {
		return match(ctx, nil)
	}
	etag := AppendVersionTag(nil, version)
	return match(ctx, etag) && !NoneMatch(ctx, etag)
}

// AppendVersionTag appends a version as a strong entity tag.
func AppendVersionTag(b []byte, version uint64) []byte {
	return append(strconv.AppendUint(append(b, '"'), version, 10), '"')
}

// etagListed tells whether a value of If-None-Match or If-Match (RFC 9110 section
// 13.1) names the tag: it is an asterisk or a list. A strong comparison (section
// 8.8.3.2) takes no weak tag. Behind the first thing that is no entity tag nothing
// counts.
func etagListed(list, etag []byte, strong bool) bool {
	list = trimOWS(list)
	if string(list) == "*" {
		return true
	}
	for {
		list = bytes.TrimLeft(list, " \t,")
		weak := bytes.HasPrefix(list, []byte("W/"))
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
		if bytes.Equal(tag, etag) && !(strong && weak) {
			return true
		}
		if len(list) > 0 && list[0] != ',' {
			return false
		}
	}
}

func trimOWS(b []byte) []byte { return bytes.Trim(b, " \t") }
