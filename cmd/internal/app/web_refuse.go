package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

// framed is the handler for requests whose end is where everybody sees it.
func framed(handler fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if err := streams.CheckFraming(ctx); err != nil {
			ctx.SetConnectionClose()
			refuse(ctx, err)
			return
		}
		handler(ctx)
	}
}

// refuse answers what is no request that could be routed.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	e, status := fault(err)
	transports.WriteProblemAs(ctx, e, status)
}

// fault returns what is said of a request that could not be read, and the
// status. It repeats nothing of the request.
func fault(err error) (*actors.Error, int) {
	var own *actors.Error
	var timeout net.Error
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.Is(err, fasthttp.ErrUnsupportedTransferEncoding), errors.Is(err, streams.ErrCoding):
		return streams.ErrCoding, fasthttp.StatusNotImplemented
	case errors.As(err, &own):
		return own, transports.Status(own.Code)
	case errors.Is(err, fasthttp.ErrDuplicateContentLength):
		return actors.Errorf(actors.Invalid, "the request has more than one Content-Length"), fasthttp.StatusBadRequest
	case errors.As(err, &small):
		return actors.Errorf(actors.TooLarge, "the request's head is too large"), fasthttp.StatusRequestEntityTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		// Clients connect in advance; they take this for the end of a connection
		// that they have not used (RFC 9110 section 15.5.9).
		return actors.Errorf(actors.Invalid, "the request did not come in time"), fasthttp.StatusRequestTimeout
	}
	return actors.Errorf(actors.Invalid, "this is no HTTP/1.1 request"), fasthttp.StatusBadRequest
}

// fasthttpLog writes what fasthttp has to say: broken requests, mostly.
type fasthttpLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger. Of an error it shows what the network says,
// and else only of which kind it is: many of fasthttp's repeat what the client
// sent, which may be a token.
func (l fasthttpLog) Printf(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = unquoted(err)
		}
	}
	l.log.Debug("fasthttp", "says", fmt.Sprintf(format, args...))
}

// unquoted returns what an error says without anything that a client has sent.
func unquoted(err error) string {
	bottom := err
	for next := errors.Unwrap(bottom); next != nil; next = errors.Unwrap(bottom) {
		bottom = next
	}
	var network net.Error
	switch {
	case strings.HasPrefix(bottom.Error(), "tls: "): // no message of a client's begins an error
		return bottom.Error()
	case errors.As(err, &network):
		return network.Error()
	}
	e, _ := fault(err)
	return e.Detail
}
