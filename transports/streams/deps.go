package streams

import (
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/actors/topic"
	"reddot/transports"
)

// A Handler serves one path of a user. Whoever routes to it has verified the
// caller, resolved the path's user to the key, checked that the caller may, and
// set on the response what every answer carries (CORS): a handler that writes
// its own head takes the Access-Control and Vary fields over.
type Handler func(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key)

// Deps are what every way in is given.
type Deps struct {
	Router  actors.Router
	Hub     gateway.Hub
	Topics  *topic.Broker
	Streams *Streams
	Gate    *transports.Gate
	Origins transports.Origins // whose pages may frame, and be posted to
	Log     *slog.Logger
	Now     func() time.Time // the wall clock; nil: time.Now
}

// Clock returns the wall clock's time.
func (d *Deps) Clock() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Trusts tells whether pages of the origin may see a user's events.
func (d *Deps) Trusts(origin []byte) bool { return d.Origins.Allows(origin) }
