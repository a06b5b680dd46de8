package load

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"
)

// A link is a connection as its owner writes to it. Only the goroutine of the
// poller's owner may use it.
type link interface {
	// write sends, or keeps what can't be sent yet. Errors come to closed.
	write(b []byte)
	// pause stops reading, so that the peer's buffers fill; resume goes on.
	pause()
	resume()
	// shut closes. Nothing is called after it, closed neither.
	shut()
}

// A peer owns a link and hears what comes on it.
type peer interface {
	// received takes bytes, which are valid during the call.
	received(b []byte)
	// closed says why the link is no more, io.EOF if the server ended it.
	closed(err error)
}

// A poller holds the links of one worker and calls their peers, all in the
// goroutine that calls wait.
type poller interface {
	// open begins to connect. What is written before it has is kept.
	open(from netip.Addr, to string, p peer) (link, error)
	// wait serves what comes, until the time at the latest. It returns after
	// each round of work.
	wait(until time.Time) error
	close() error
}

// newPoller takes the cheapest kind that can do it.
func newPoller(secure *tls.Config) (poller, error) {
	if secure == nil {
		if p, err := newEpoll(); !errors.Is(err, errors.ErrUnsupported) {
			return p, err
		}
	}
	return newGoPoller(secure), nil
}
