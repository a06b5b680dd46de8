package http1

import (
	"errors"
	"io"
	"net/netip"

	"reddot/cmd/internal/load/poller"
)

// An Answerer owns a caller and hears how its request ended.
type Answerer interface {
	// Answered takes the response; the body is valid during the call.
	Answered(status int, body []byte)
	// Failed says that the request's fate is not known.
	Failed(err error)
}

// ErrTimeout says that a request was given up.
var ErrTimeout = errors.New("no answer in time")

// A Caller is an HTTP/1.1 client of one keep-alive connection with one request
// under way.
type Caller struct {
	dial  Dialer
	owner Answerer
	link  poller.Link
	http  Reader
	body  []byte // of an answer that came in pieces
	since int64  // when the request was sent; 0: none is under way
}

// A Dialer says how a caller connects.
type Dialer struct {
	Poller poller.Poller
	From   netip.Addr   // invalid: the system's choice
	To     string       // host:port
	Now    func() int64 // the clock of Caller.Expire
}

// NewCaller returns a caller that connects with its first call.
func NewCaller(d Dialer, owner Answerer) *Caller { return &Caller{dial: d, owner: owner} }

// maxAnswer bounds an answer's body.
const maxAnswer = 16 << 20

// Call sends a whole request, connecting first if need be.
func (c *Caller) Call(req []byte) {
	c.since = max(1, c.dial.Now())
	if c.link == nil {
		l, err := c.dial.Poller.Open(c.dial.From, c.dial.To, c)
		if err != nil {
			c.end(err)
			return
		}
		c.link, c.http, c.body = l, Reader{}, nil
	}
	c.link.Write(req)
}

// Received implements poller.Peer.
func (c *Caller) Received(b []byte) {
	var whole []byte // the body so far, while it is one piece
	for {
		p, data, rest, err := c.http.Next(b)
		b = rest
		switch {
		case err != nil:
			c.shut()
			c.end(err)
			return
		case p == More:
			c.body = append(c.body, whole...)
			return
		case p == Body && whole == nil && len(c.body) == 0:
			whole = data
		case p == Body:
			c.body = append(append(c.body, whole...), data...)
			whole = nil
		case p == End:
			if c.complete(whole); c.link == nil {
				return
			}
			whole = nil
		}
		if len(c.body) > maxAnswer {
			c.shut()
			c.end(errHTTP)
			return
		}
	}
}

// complete hands the response over.
func (c *Caller) complete(whole []byte) {
	body := whole
	if len(c.body) > 0 {
		body = append(c.body, whole...)
		c.body = body[:0]
		if cap(body) > 64<<10 {
			c.body = nil
		}
	}
	if c.http.closing {
		c.shut()
	}
	if c.since == 0 {
		c.shut() // nobody has asked
		return
	}
	c.since = 0
	c.owner.Answered(c.http.Status, body)
}

// Closed implements poller.Peer.
func (c *Caller) Closed(err error) {
	c.link = nil
	if c.http.state == readToClose && errors.Is(err, io.EOF) {
		c.complete(nil)
		return
	}
	c.end(err)
}

// end tells of a failure if a request is under way.
func (c *Caller) end(err error) {
	if c.since != 0 {
		c.since = 0
		c.owner.Failed(err)
	}
}

// Expire ends a request that was sent before the time.
func (c *Caller) Expire(before int64) {
	if c.since != 0 && c.since < before {
		c.shut()
		c.end(ErrTimeout)
	}
}

// Close ends the connection, and forgets the request that is under way.
func (c *Caller) Close() {
	c.shut()
	c.since = 0
}

func (c *Caller) shut() {
	if c.link != nil {
		c.link.Shut()
		c.link = nil
	}
}
