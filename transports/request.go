package transports

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// foreignCursor is what becomes of a text which may well be a cursor, but
// none that this version of the program can read. It is answered by a reset.
var foreignCursor = actors.Cursor{Lineage: math.MaxUint64, Seq: math.MaxUint64, Pos: math.MaxUint64}

// After returns the cursor of ?after=, or nil where none is given. One that
// this program cannot read, but another version might, is a foreignCursor:
// a client must not be locked out by what it keeps. Everything else is Invalid.
func After(ctx *fasthttp.RequestCtx) (*actors.Cursor, error) {
	return ParseAfter(ctx.QueryArgs().Peek("after"))
}

// ParseAfter is After for a text from elsewhere.
func ParseAfter(text []byte) (*actors.Cursor, error) {
	if len(text) == 0 {
		return nil, nil
	}
	c, err := actors.ParseCursor(string(text))
	switch {
	case err == nil:
		return &c, nil
	case len(text) <= actors.MaxCursor && isCursorText(text):
		foreign := foreignCursor
		return &foreign, nil
	default:
		return nil, &actors.Error{Code: actors.Invalid, Field: "after", Detail: "this is no cursor: a cursor has at most 64 characters of A-Z a-z 0-9 _ -"}
	}
}

func isCursorText(text []byte) bool {
	for _, c := range text {
		if !NameByte(c) && c != '_' || c == '.' {
			return false
		}
	}
	return true
}

// LastID returns what a client that comes back says it has got last; empty: it
// says nothing. The Last-Event-ID header, which browsers keep up to date, comes
// before ?lastEventId=, which EventSource polyfills send that set no header.
func LastID(ctx *fasthttp.RequestCtx) []byte {
	if id := bytes.TrimSpace(ctx.Request.Header.Peek("Last-Event-ID")); len(id) > 0 {
		return id
	}
	return bytes.TrimSpace(ctx.QueryArgs().Peek("lastEventId"))
}

// LastEventID returns where an event stream is to be resumed: at LastID, or
// else at ?after=, which stays in the address as it was at first.
func LastEventID(ctx *fasthttp.RequestCtx) (*actors.Cursor, error) {
	id := LastID(ctx)
	if len(id) == 0 {
		return After(ctx)
	}
	c, err := ParseAfter(id)
	if err != nil {
		// An EventSource gives up for good on an error, over an id that it
		// cannot be rid of.
		foreign := foreignCursor
		return &foreign, nil
	}
	return c, nil
}

// Timeout returns the ?timeout= in seconds, at most limit; def where none is
// given.
func Timeout(ctx *fasthttp.RequestCtx, def, limit time.Duration) (time.Duration, error) {
	text := ctx.QueryArgs().Peek("timeout")
	if len(text) == 0 {
		return def, nil
	}
	s, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(s) || s < 0 {
		return 0, &actors.Error{Code: actors.Invalid, Field: "timeout", Detail: "the timeout is a number of seconds, 0 or more"}
	}
	if s >= limit.Seconds() {
		return limit, nil
	}
	return time.Duration(s * float64(time.Second)), nil
}

// AppendHead appends the head of a response without a length: the status line
// and the given fields, which end with CRLF each, and those that routing has
// set for every answer.
func AppendHead(b []byte, ctx *fasthttp.RequestCtx, fields string) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	b = append(b, fields...)
	b = fasthttp.AppendHTTPDate(append(b, "Date: "...), time.Now())
	b = AppendRouted(append(b, "\r\n"...), ctx)
	return append(b, "\r\n"...)
}

// AnswerHead answers HEAD with the fields that AppendHead is given for GET.
func AnswerHead(ctx *fasthttp.RequestCtx, fields string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(fields, "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		ctx.Response.Header.Set(name, value)
	}
}

// AppendRouted appends the fields that routing has set for every answer; each
// ends with CRLF.
func AppendRouted(b []byte, ctx *fasthttp.RequestCtx) []byte {
	for k, v := range ctx.Response.Header.All() {
		if bytes.HasPrefix(k, []byte("Access-Control-")) || string(k) == fasthttp.HeaderVary {
			b = append(append(append(append(b, k...), ": "...), v...), "\r\n"...)
		}
	}
	return b
}

// IsHTTP10 tells whether the client speaks HTTP/1.0, and so knows no chunks.
func IsHTTP10(ctx *fasthttp.RequestCtx) bool { return !ctx.Request.Header.IsHTTP11() }
