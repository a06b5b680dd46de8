package poller

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"time"
)

// A Link is a connection as its owner writes to it. Only the goroutine of the
// poller's owner may use it.
type Link interface {
	// Write sends, or keeps what can't be sent yet. Errors come to Closed.
	Write(b []byte)
	// Pause stops reading, so that the peer's buffers fill; Resume goes on.
	Pause()
	Resume()
	// Shut closes. Nothing is called after it, Closed neither.
	Shut()
}

// A Peer owns a link and hears what comes on it.
type Peer interface {
	// Received takes bytes, which are valid during the call.
	Received(b []byte)
	// Closed says why the link is no more, io.EOF if the server ended it.
	Closed(err error)
}

// A Poller holds the links of one worker and calls their peers, all in the
// goroutine that calls Wait.
type Poller interface {
	// Open begins to connect. What is written before it has is kept.
	Open(from netip.Addr, to string, p Peer) (Link, error)
	// Wait serves what comes, until the time at the latest. It returns after
	// each round of work.
	Wait(until time.Time) error
	Close() error
}

// New returns the cheapest kind that can do it: epoll where there is one and no TLS is
// asked for.
func New(secure *tls.Config) (Poller, error) {
	if secure == nil {
		if p, err := newEpoll(); !errors.Is(err, errors.ErrUnsupported) {
			return p, err
		}
	}
	return newGoPoller(secure), nil
}
