package longpoll

import (
	"net/http"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

// parked is the protocol of a request that waits: its first frames are the body
// of the answer, and AppendEnd writes the answer where there was none.
type parked struct {
	media  string
	fields []byte // further ones of the answer's head, each with CRLF
}

var (
	_ streams.Protocol   = (*parked)(nil)
	_ streams.Translator = (*parked)(nil)
)

// Receive implements streams.Protocol. What comes behind the request is for
// the HTTP server.
func (*parked) Receive(*streams.Socket, []byte) bool { return true }

// Translate implements streams.Translator.
func (p *parked) Translate(body []byte) []byte {
	b := make([]byte, 0, 256+len(p.fields)+len(body))
	b = transports.AppendStatus(b, http.StatusOK, p.media, len(body))
	return append(append(append(b, p.fields...), "\r\n"...), body...)
}

// AppendEnd implements streams.Protocol.
func (p *parked) AppendEnd(b []byte, _ *streams.Socket, why actors.End, sent bool) []byte {
	switch {
	case sent:
		return b
	case why == actors.EndGone:
		b = transports.AppendStatus(b, http.StatusNotModified, "", 0)
		return append(append(b, p.fields...), "\r\n"...)
	default:
		return transports.AppendProblem(b, problem(why), p.fields)
	}
}

// problem says why there is no answer.
func problem(why actors.End) error {
	switch why {
	case actors.EndDrain:
		return &actors.Error{Code: actors.Unavailable, RetryAfter: time.Second,
			Detail: "this node is going down; ask again, and reach another"}
	case actors.EndTooMany:
		return actors.Errorf(actors.TooMany, "the user has too many connections")
	case actors.EndToken:
		return actors.Errorf(actors.Unauthorized, "the token has expired")
	case actors.EndForbidden, actors.EndDisconnected:
		return actors.Errorf(actors.Forbidden, "the connection was ended; do not come back")
	default:
		return actors.Errorf(actors.Unavailable, "the wait was cut short; ask again with the same cursor")
	}
}
