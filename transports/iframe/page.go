package iframe

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

// padding is what old browsers collect before they begin to run a page, in
// bytes.
const padding = 2 << 10

// maxOrigin is the longest origin: a scheme, a DNS name and a port.
const maxOrigin = 300

// Pages serves GET …/iframe.
type Pages struct{ deps streams.Deps }

// New returns the handlers of endless pages.
func New(deps streams.Deps) *Pages { return &Pages{deps} }

// Handle is a streams.Handler: it answers with a page that posts the user's
// events to the window around it, for as long as that is open.
func (p *Pages) Handle(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	origin, err := p.origin(ctx)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	script := append([]byte("<script>var o="), appendString(nil, origin)...)
	p.page(ctx, caller, user, page{
		format:    Format{},
		ancestors: origin,
		head:      append(script, "</script>\n"...),
		protocol:  protocol{drains: true},
	})
}

// origin returns whom events are posted to: ?origin=, or else the origin of the
// page itself. It must be trusted, or be the page's own.
func (p *Pages) origin(ctx *fasthttp.RequestCtx) (string, error) {
	own := string(ctx.URI().Scheme()) + "://" + string(ctx.Host())
	origin := ctx.QueryArgs().Peek("origin")
	switch {
	case len(origin) == 0 && isOrigin([]byte(own)):
		return own, nil
	case !isOrigin(origin):
		return "", &actors.Error{Code: actors.Invalid, Field: "origin", Detail: "the origin is scheme://host or scheme://host:port, as location.origin has it"}
	case string(origin) == own || p.deps.Trusts(origin):
		return string(origin), nil
	default:
		return "", &actors.Error{Code: actors.Forbidden, Field: "origin", Detail: "this origin is not among the allowed ones"}
	}
}

// isOrigin tells whether the text has the form of an origin (RFC 6454 section
// 6.2) and nothing that would mean more in a header or a script.
func isOrigin(text []byte) bool {
	scheme, host, ok := bytes.Cut(text, []byte("://"))
	if !ok || len(host) == 0 || len(text) > maxOrigin {
		return false
	}
	return (string(scheme) == "https" || string(scheme) == "http") && bytes.IndexFunc(host, notHost) < 0
}

func notHost(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_:[]", r))
}

// page is what differs between the two forms.
type page struct {
	format    actors.Format
	ancestors string // who may frame it
	head      []byte // the first script
	protocol  protocol
}

// A protocol is that of all connections of one form, in chunks.
type protocol struct {
	drains bool // it tells when the node goes down
}

var _ streams.Protocol = protocol{}

// Receive implements streams.Protocol: what the client sends means nothing.
func (protocol) Receive(s *streams.Socket, _ []byte) bool { return streams.Listen(s) }

// AppendEnd implements streams.Protocol.
func (p protocol) AppendEnd(b []byte, _ *streams.Socket, why actors.End, _ bool) []byte {
	if p.drains && why == actors.EndDrain {
		b = Format{}.AppendPush(b, &actors.Push{Events: []actors.PushEvent{
			{Type: "drain", JSON: streams.AppendDrain(nil, streams.DrainPause())}}})
	}
	return append(b, "0\r\n\r\n"...)
}

func (p *Pages) page(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key, pg page) {
	if ctx.IsHead() {
		transports.AnswerHead(ctx, fields(pg.ancestors))
		return
	}
	after, err := transports.After(ctx)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	place, err := p.deps.Streams.Admit(ctx, "iframe", caller, user)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	o := streams.Opening{Format: pg.format, After: after, Protocol: pg.protocol}
	opening := pg.opening()
	head := fields(pg.ancestors)
	if transports.IsHTTP10(ctx) {
		o.Protocol = unchunked{pg.protocol}
	} else {
		head += "Transfer-Encoding: chunked\r\n"
		opening = appendChunk(nil, opening)
	}
	o.Head = append(transports.AppendHead(nil, ctx, head), opening...)
	place.Hijack(ctx, o)
}

// fields returns the fields of the head. The address may hold a token, which no
// Referer should show.
func fields(ancestors string) string {
	return "Content-Type: text/html; charset=utf-8\r\n" +
		"Cache-Control: no-store, no-transform\r\n" +
		"X-Accel-Buffering: no\r\n" +
		"X-Content-Type-Options: nosniff\r\n" +
		"Referrer-Policy: no-referrer\r\n" +
		"Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; frame-ancestors " + ancestors + "\r\n" +
		"Connection: close\r\n"
}

// opening returns the first bytes of the page.
func (pg *page) opening() []byte {
	b := append([]byte("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>reddot</title></head><body>\n"), pg.head...)
	b = append(b, "<!--"...)
	b = append(b, bytes.Repeat([]byte{' '}, padding)...)
	return append(b, "-->\n"...)
}
