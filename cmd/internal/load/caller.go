package load

import (
	"errors"
	"io"
	"net/netip"
)

// An answerer owns a caller and hears how its request ended.
type answerer interface {
	// answered takes the response; the body is valid during the call.
	answered(status int, body []byte)
	// failed says that the request's fate is not known.
	failed(err error)
}

var errTimeout = errors.New("no answer in time")

// A caller is an HTTP/1.1 client of one keep-alive connection with one request
// under way.
type caller struct {
	w     *worker
	owner answerer
	to    *target
	from  netip.Addr
	link  link
	http  httpReader
	body  []byte // of an answer that came in pieces
	since int64  // when the request was sent; 0: none is under way
}

// call sends a whole request, connecting first if need be.
func (c *caller) call(req []byte) {
	c.since = max(1, c.w.now())
	if c.link == nil {
		l, err := c.w.p.open(c.from, c.to.addr, c)
		if err != nil {
			c.end(err)
			return
		}
		c.link, c.http, c.body = l, httpReader{}, nil
	}
	c.link.write(req)
}

func (c *caller) received(b []byte) {
	var whole []byte // the body so far, while it is one piece
	for {
		p, data, rest, err := c.http.next(b)
		b = rest
		switch {
		case err != nil:
			c.hangUp()
			c.end(err)
			return
		case p == partNone:
			c.body = append(c.body, whole...)
			return
		case p == partBody && whole == nil && len(c.body) == 0:
			whole = data
		case p == partBody:
			c.body = append(append(c.body, whole...), data...)
			whole = nil
		case p == partEnd:
			if c.complete(whole); c.link == nil {
				return
			}
			whole = nil
		}
		if len(c.body) > maxFrame*16 {
			c.hangUp()
			c.end(errHTTP)
			return
		}
	}
}

// complete hands the response over.
func (c *caller) complete(whole []byte) {
	body := whole
	if len(c.body) > 0 {
		body = append(c.body, whole...)
		c.body = body[:0]
		if cap(body) > 64<<10 {
			c.body = nil
		}
	}
	if c.http.closing {
		c.hangUp()
	}
	if c.since == 0 {
		c.hangUp() // nobody has asked
		return
	}
	c.since = 0
	c.owner.answered(c.http.status, body)
}

func (c *caller) closed(err error) {
	c.link = nil
	if c.http.state == readToClose && errors.Is(err, io.EOF) {
		c.complete(nil)
		return
	}
	c.end(err)
}

// end tells of a failure if a request is under way.
func (c *caller) end(err error) {
	if c.since != 0 {
		c.since = 0
		c.owner.failed(err)
	}
}

// expire ends a request that was sent before the time.
func (c *caller) expire(before int64) {
	if c.since != 0 && c.since < before {
		c.hangUp()
		c.end(errTimeout)
	}
}

func (c *caller) hangUp() {
	if c.link != nil {
		c.link.shut()
		c.link = nil
	}
}
