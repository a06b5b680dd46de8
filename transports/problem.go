package transports

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// ProblemType is the media type of an error's body (RFC 9457).
const ProblemType = "application/problem+json"

// statusOf maps every code of an actors.Error.
var statusOf = map[actors.Code]int{
	actors.Invalid:             http.StatusBadRequest,
	actors.Unauthorized:        http.StatusUnauthorized,
	actors.Forbidden:           http.StatusForbidden,
	actors.NotFound:            http.StatusNotFound,
	actors.Conflict:            http.StatusConflict,
	actors.IdempotencyConflict: http.StatusUnprocessableEntity,
	actors.TooLarge:            http.StatusRequestEntityTooLarge,
	actors.TooMany:             http.StatusTooManyRequests,
	actors.Busy:                http.StatusServiceUnavailable,
	actors.Unavailable:         http.StatusServiceUnavailable,
	actors.Internal:            http.StatusInternalServerError,
}

// Status returns the HTTP status of the code.
func Status(code actors.Code) int {
	if status, ok := statusOf[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// A Problem is an error as HTTP tells it (RFC 9457), with code, field,
// place and retry_after as extension members. The type is about:blank: what a program
// should look at is the code.
type Problem struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Status     int          `json:"status"`
	Code       actors.Code  `json:"code"`
	Detail     string       `json:"detail,omitempty"`
	Field      string       `json:"field,omitempty"`
	Place      actors.Place `json:"place,omitzero"`        // where in the field
	RetryAfter int          `json:"retry_after,omitempty"` // seconds, rounded up
}

// ProblemOf returns what a client is told of the error; its cause is not.
func ProblemOf(err error) Problem {
	e := actors.AsError(err)
	status := Status(e.Code)
	return Problem{
		Type:       "about:blank",
		Title:      http.StatusText(status),
		Status:     status,
		Code:       e.Code,
		Detail:     e.Detail,
		Field:      e.Field,
		Place:      e.Place,
		RetryAfter: retryAfter(e, status),
	}
}

// retryAfter returns seconds, at least 1 where the answer must carry the
// header, and 0 where it has no place.
func retryAfter(e *actors.Error, status int) int {
	seconds := int((e.RetryAfter + time.Second - 1) / time.Second)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		return max(1, seconds)
	}
	return max(0, seconds)
}

// WriteProblem answers the request with the error, which must not be nil. It
// leaves headers that it does not set (CORS has set some, and without them a
// page cannot read the answer), and does not log: the caller knows the request.
func WriteProblem(ctx *fasthttp.RequestCtx, err error) { writeProblem(ctx, err, ProblemOf(err)) }

// WriteProblemAs is WriteProblem with a status that belongs to HTTP alone, and
// that no code of ours stands for.
func WriteProblemAs(ctx *fasthttp.RequestCtx, err error, status int) {
	p := ProblemOf(err)
	p.Status, p.Title = status, http.StatusText(status)
	writeProblem(ctx, err, p)
}

func writeProblem(ctx *fasthttp.RequestCtx, err error, p Problem) {
	ctx.Response.ResetBody()
	ctx.SetStatusCode(p.Status)
	ctx.SetContentType(ProblemType)
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	if p.RetryAfter > 0 {
		h.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(fasthttp.HeaderWWWAuthenticate, challenge(err))
	}
	ctx.SetBody(p.appendJSON(nil))
}

// challenge returns what every 401 must have (RFC 9110 section 11.6.1). RFC
// 6750 section 3 wants no error code where no credential was given.
func challenge(err error) string {
	const scheme = `Bearer realm="reddot"`
	if errors.Is(err, ErrNoCredential) {
		return scheme
	}
	return scheme + `, error="invalid_token"`
}

// AppendProblem appends the whole response that WriteProblem would make, for an
// answer that comes when fasthttp has forgotten the request. fields are further
// ones of its head, each with CRLF.
func AppendProblem(b []byte, err error, fields []byte) []byte {
	p := ProblemOf(err)
	body := p.appendJSON(nil)
	b = AppendStatus(b, p.Status, ProblemType, len(body))
	if p.RetryAfter > 0 {
		b = append(strconv.AppendInt(append(b, "Retry-After: "...), int64(p.RetryAfter), 10), "\r\n"...)
	}
	if p.Status == http.StatusUnauthorized {
		b = append(append(append(b, "WWW-Authenticate: "...), challenge(err)...), "\r\n"...)
	}
	return append(append(append(b, fields...), "\r\n"...), body...)
}

// AppendStatus appends the beginning of a response's head: the status line, the
// date, what the body is, if there is a media type, and that nobody may keep it.
func AppendStatus(b []byte, status int, media string, length int) []byte {
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	b = append(append(append(b, ' '), http.StatusText(status)...), "\r\nDate: "...)
	b = append(fasthttp.AppendHTTPDate(b, time.Now()), "\r\n"...)
	if media != "" {
		b = append(append(append(b, "Content-Type: "...), media...), "\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(length), 10), "\r\n"...)
	}
	return append(b, "Cache-Control: no-store\r\n"...)
}

// appendJSON appends the body. A Problem holds nothing that cannot be encoded.
func (p Problem) appendJSON(dst []byte) []byte {
	w := bytes.NewBuffer(dst)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p)
	return bytes.TrimSuffix(w.Bytes(), []byte("\n"))
}

// ErrNoCredential is shared, since anybody can ask for it at any rate.
var ErrNoCredential = &actors.Error{Code: actors.Unauthorized, Detail: askForCredential}

// askForCredential is the detail for a request without a credential.
const askForCredential = "give a server key or a user token, as in Authorization: Bearer" //nolint:gosec // G101: a sentence, no credential

// Unauthorizedf returns an Unauthorized error with the sentence.
func Unauthorizedf(format string, args ...any) *actors.Error {
	return actors.Errorf(actors.Unauthorized, format, args...)
}

// ErrNoKey is shared, since anybody can ask for it at any rate.
var ErrNoKey = &actors.Error{Code: actors.Unauthorized, Detail: "there is no such server key"}
