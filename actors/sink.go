package actors

import "errors"

// ErrSlow is a sink's refusal to keep more for a client that does not read.
var ErrSlow = errors.New("the client does not read fast enough")

// Sink is the write half of a client connection; a transport implements it.
// Conn calls it with its lock held, so one call comes at a time.
type Sink interface {
	// Send takes whole frames, which nobody changes any more: it writes what the
	// socket takes at once, the rest later, and never blocks. It returns how
	// many bytes are still to be written. An error is final: ErrSlow if the
	// rest would pass the sink's bound, else why the connection is over.
	Send(frames []byte) (pending int, err error)
	// End tells the client why, in the transport's own way, and closes. It
	// does not wait for the client.
	End(why End)
}

// End says why a connection is ended. Each transport has its own words for it.
type End uint8

// The reasons.
const (
	EndGone         End = iota // the client is gone, or asked for it
	EndDrain                   // the node goes down; come back, elsewhere
	EndSlow                    // it does not read fast enough; come back with the cursor
	EndTooMany                 // more connections than are allowed
	EndForbidden               // it may not be here; stay away
	EndToken                   // the token is no longer good; come back with a fresh one
	EndReplaced                // another connection took its place
	EndDisconnected            // the operator ended it; stay away
	EndFailed                  // our fault; come back
	EndProtocol                // it broke the protocol
	NumEnds
)

// Attachment is what a transport knows of a new connection.
type Attachment struct {
	Key    Key
	Format Format
	Sink   Sink
	After  *Cursor // resume here; nil: from now on
	Once   bool    // end with EndGone as soon as there was something to send (a long poll)
	Since  int64   // unix milliseconds
}

// A Client is a Sink that knows who is at the other end. What it answers never
// changes.
type Client interface {
	// Address returns the client's address, without its port.
	Address() string
	// Transport returns by which way it came: sse, ws, iframe, longpoll, mqtt.
	Transport() string
}

// An Answerer is a Sink whose client answers heartbeats.
type Answerer interface {
	// Beat is asked before each heartbeat. False: the client has answered none of
	// the last ones, and is dead.
	Beat() bool
}

// String returns the reason as a label for logs and figures.
func (e End) String() string {
	return [...]string{"gone", "drain", "slow", "too_many", "forbidden", "token", "replaced", "disconnected", "failed", "protocol"}[e]
}
