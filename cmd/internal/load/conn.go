package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
)

// A conn is one of a user's connections, by any transport. It comes back with
// its cursor when it is closed.
type conn struct {
	w      *worker
	u      *user
	name   int // of the user, as in worker.name
	from   netip.Addr
	to     *target
	link   link
	http   httpReader
	framer framer
	mqtt   mqttFramer
	nth    int     // of the run's connections
	caller *caller // of the polling transports
	cursor []byte
	order  order
	known  bool  // order.rev is known: the first event has come, once
	live   bool  // since this start
	gone   bool  // it has no link
	away   bool  // and is not to come back for now
	slow   bool  // it did not read for a while, so its delays are not measured
	target int64 // the rev that a storm waits for; 0: none
}

// start opens the connection; worker.live or worker.dropped follows.
func (c *conn) start() {
	c.live, c.gone = false, false
	c.http = httpReader{}
	switch c.w.cfg.Transport {
	case Poll, LongPoll:
		if c.caller == nil {
			c.caller = &caller{w: c.w, owner: c, to: c.to, from: c.from}
		}
		c.poll()
		return
	case SSE:
		c.framer = &sseFramer{}
	case Iframe:
		c.framer = &iframeFramer{}
	case WS:
		c.framer = &wsFramer{}
	case MQTT:
		c.startMQTT()
		return
	}
	l, err := c.w.p.open(c.from, c.to.addr, c)
	if err != nil {
		c.drop(err)
		return
	}
	c.link = l
	l.write(c.request())
}

// request returns the request that opens a stream.
func (c *conn) request() []byte {
	w := c.w
	b := append(w.scratch[:0], "GET "...)
	b = append(b, c.to.path...)
	b = append(w.appendUser(b, c.name), map[Transport]string{SSE: "/stream", Iframe: "/iframe", WS: "/ws"}[w.cfg.Transport]...)
	sep := byte('?')
	if w.b.topic != "" && w.cfg.Transport == SSE {
		b = w.appendTopic(append(append(b, sep), "topic="...), c.name)
		sep = '&'
	}
	if len(c.cursor) > 0 {
		b = append(append(append(b, sep), "after="...), c.cursor...)
	}
	b = w.appendHead(append(b, " HTTP/1.1\r\n"...), c.to)
	switch w.cfg.Transport {
	case SSE:
		b = append(b, "Accept: text/event-stream\r\n"...)
	case WS: // the key is the example of RFC 6455 section 1.3
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: reddot.v1\r\n"...)
	}
	w.scratch = append(b, "\r\n"...)
	return w.scratch
}

// poll asks once more: for news, or for the counts.
func (c *conn) poll() {
	w := c.w
	b := append(w.scratch[:0], "GET "...)
	b = w.appendUser(append(b, c.to.path...), c.name)
	if w.cfg.Transport == Poll {
		b = w.appendHead(append(b, "/counts HTTP/1.1\r\n"...), c.to)
		if len(c.cursor) > 0 {
			b = append(append(append(b, "If-None-Match: \""...), c.cursor...), "\"\r\n"...)
		}
	} else {
		b = append(b, "/wait?timeout="...)
		b = strconv.AppendInt(b, int64(w.cfg.PollWait.Seconds()), 10)
		if len(c.cursor) > 0 {
			b = append(append(b, "&after="...), c.cursor...)
		}
		b = w.appendHead(append(b, " HTTP/1.1\r\n"...), c.to)
	}
	w.scratch = append(b, "\r\n"...)
	c.caller.call(w.scratch)
}

func (c *conn) received(b []byte) {
	if c.w.cfg.Transport == MQTT {
		c.receivedMQTT(b)
		return
	}
	for {
		p, data, rest, err := c.http.next(b)
		b = rest
		switch {
		case err != nil:
			c.drop(err)
			return
		case p == partNone:
			return
		case p == partHead:
			if want := map[bool]int{false: 200, true: 101}[c.w.cfg.Transport == WS]; c.http.status != want {
				c.drop(fmt.Errorf("status %d", c.http.status))
				return
			}
			c.w.tally.connects++
			c.subscribe()
			if len(c.cursor) > 0 { // there may be nothing to replay
				c.alive()
			}
		case p == partBody:
			if err := c.framer.feed(data, c); err != nil {
				c.drop(err)
				return
			}
		case p == partEnd:
			c.drop(io.EOF)
			return
		}
		if c.link == nil {
			return
		}
	}
}

func (c *conn) closed(err error) {
	c.link = nil
	c.drop(err)
}

// drop ends the connection for the reason and has it come back.
func (c *conn) drop(err error) {
	c.hangUp()
	c.w.dropped(c, err)
}

// hangUp ends the connection from this side.
func (c *conn) hangUp() {
	if c.link != nil {
		c.link.shut()
		c.link = nil
	}
	if c.caller != nil {
		c.caller.hangUp()
		c.caller.since = 0
	}
	c.framer = nil
	c.gone = true
}

// leave hangs up for as long as the script wants.
func (c *conn) leave() {
	switch {
	case c.live:
		c.w.up--
	case !c.gone:
		c.w.starting--
	}
	c.hangUp()
	c.live, c.away = false, true
}

func (c *conn) frame(data []byte) {
	if err := parseEvent(data, &c.w.event); err != nil {
		c.w.tally.fail("event unreadable", 1)
		return
	}
	c.take(&c.w.event)
}

func (c *conn) beat() { c.w.tally.beats++ }

func (c *conn) pong(data []byte) {
	c.w.tally.beats++
	if c.link != nil {
		c.link.write(appendClientFrame(nil, 10, data))
	}
}

// answered takes a poll's answer, and asks again.
func (c *conn) answered(status int, body []byte) {
	w := c.w
	more := false
	switch {
	case status == 304:
		w.tally.beats++
	case status == 200 && w.cfg.Transport == Poll:
		var a answer
		if err := parseAnswer(body, &a); err != nil || !a.counts.known {
			c.drop(errEvent)
			return
		}
		c.cursor = append(c.cursor[:0], a.cursor...)
		c.polled(a.counts)
	case status == 200:
		if err := c.news(body); err != nil {
			c.drop(err)
			return
		}
		more = true
	default:
		c.drop(fmt.Errorf("status %d", status))
		return
	}
	c.alive()
	if c.gone {
		return
	}
	if more || w.cfg.Transport == LongPoll {
		c.poll()
	} else {
		w.later(c, w.cfg.PollEvery)
	}
}

func (c *conn) failed(err error) { c.drop(err) }

// news takes a long poll's answer apart.
func (c *conn) news(body []byte) error {
	s := scanner{b: body}
	if !s.open() {
		return errEvent
	}
	var cursor []byte
	var now counts
	for {
		k, ok := s.key()
		if !ok {
			break
		}
		switch string(k) {
		case "events":
			if !s.take('[') {
				s.skip()
				continue
			}
			for !s.bad && !s.take(']') {
				c.w.event = event{}
				c.w.event.read(&s)
				if s.bad {
					return errEvent
				}
				c.take(&c.w.event)
				s.take(',')
			}
		case "counts":
			now, _ = readCounts(&s)
		case "cursor":
			cursor = s.text()
		default:
			s.skip()
		}
	}
	if s.bad {
		return errEvent
	}
	if !c.known {
		c.first(now)
	}
	if len(cursor) > 0 {
		c.cursor = append(c.cursor[:0], cursor...)
	}
	return nil
}

// alive notes that the connection works.
func (c *conn) alive() {
	if !c.live {
		c.live = true
		c.w.lives(c)
	}
}

// take judges one event.
func (c *conn) take(e *event) {
	if len(e.cursor) > 0 {
		c.cursor = append(c.cursor[:0], e.cursor...)
	}
	switch string(e.kind) {
	case "message":
		c.message(e)
	case "topic":
		c.topic(e.body)
	case "error":
		c.w.tally.fail("frame refused", 1)
		return
	case "reset":
		c.w.tally.resets++
		c.order = order{rev: e.counts.rev}
		c.known = true
	case "drain":
		c.w.tally.fail("drain", 1)
	case "hello", "counts":
		if !c.known {
			c.first(e.counts)
		} else if c.w.b.topic == "" && !c.w.b.stateless && e.counts.known && e.counts.rev <= c.order.rev+1 && !c.u.possible(e.counts, c.w.limit) {
			c.w.fault(&c.w.tally.wrong, c, "event %s %+v, base %+v", e.kind, e.counts, c.u.base)
		}
	default:
		if e.counts.known && c.known {
			c.order.step(c.place(e, nil))
		}
	}
	if c.w.b.topic != "" && c.w.cfg.Transport == WS && string(e.kind) == "hello" {
		return // it is subscribed when that is answered
	}
	c.alive()
	if c.target > 0 && c.order.rev >= c.target {
		c.target = 0
		c.w.returning--
	}
}

// first takes the counts with which a connection begins.
func (c *conn) first(now counts) {
	c.known = true
	c.order.rev = now.rev
	if c.w.b.topic != "" {
		c.order.rev = 0 // a topic's messages are counted from 1
	} else if !c.w.b.stateless && !c.u.possible(now, c.w.limit) {
		c.w.fault(&c.w.tally.wrong, c, "first counts %+v, base %+v", now, c.u.base)
	}
}

// message judges an inbox message.
func (c *conn) message(e *event) {
	w := c.w
	now := w.now()
	s, ours := parseStamp(e.body, w.b.run)
	if w.b.stateless {
		if ours {
			w.delivered(s, now)
			w.arrived(s)
			if p := c.u.at(s.n); p != nil && s.user >= 0 {
				p.delivered++
				c.u.settle()
			}
		}
		return
	}
	if !c.known || !e.counts.known {
		w.fault(&w.tally.wrong, c, "a message without counts, or before them")
		return
	}
	var p *pending
	if ours && s.user >= 0 {
		if s.user != c.name {
			w.fault(&w.tally.misdirected, c, "a message for %d", s.user)
			return
		}
		if p = c.u.at(s.n); p == nil {
			w.fault(&w.tally.doubled, c, "message %d, which all had", s.n)
			if !e.replayed() {
				c.order.step(e.counts.rev)
			}
			return
		}
	}
	if !ours {
		c.u.foreign++
		w.tally.foreign++
	}
	had, rev := c.order.rev, c.place(e, p)
	if p != nil && p.rev != 0 && p.rev < rev && p.rev <= had && p.delivered > 0 {
		w.fault(&w.tally.doubled, c, "message %d as rev %d, before as %d", s.n, rev, p.rev)
		c.order.step(rev)
		return
	}
	v, beyond := c.order.step(rev)
	w.tally.lost += uint64(beyond)
	switch {
	case v == again && p != nil && p.rev != 0 && p.rev != rev:
		w.fault(&w.tally.wrong, c, "message %d as rev %d, before as %d", s.n, rev, p.rev)
		return
	case v == again:
		w.fault(&w.tally.doubled, c, "message %d, rev %d, at %d", s.n, rev, had)
		return
	case v == late:
		w.fault(&w.tally.disordered, c, "rev %d after %d", rev, had)
	}
	if e.counts.rev < rev || !c.u.possible(e.counts, w.limit) || (p != nil && !p.agree(rev, e.counts)) {
		w.fault(&w.tally.wrong, c, "message %d, rev %d: %+v, base %+v", s.n, rev, e.counts, c.u.base)
	}
	if !ours {
		return
	}
	if c.slow {
		w.tally.delivered++
	} else {
		w.delivered(s, now)
	}
	if p != nil {
		p.delivered++
		c.u.settle()
	} else {
		w.arrived(s)
	}
}

// place returns the rev of an event. A replayed one does not tell it: then it
// is the message's, if its answer has come, and else what must come next.
func (c *conn) place(e *event, p *pending) int64 {
	switch {
	case !e.replayed():
		return e.counts.rev
	case p != nil && p.rev != 0:
		return p.rev
	}
	return c.order.rev + 1
}

// polled judges counts alone: what they include has been delivered.
func (c *conn) polled(now counts) {
	w := c.w
	if !c.known {
		c.first(now)
		return
	}
	if w.b.stateless {
		return
	}
	if now.rev < c.order.rev {
		w.fault(&w.tally.disordered, c, "counts went back from rev %d to %d", c.order.rev, now.rev)
		return
	}
	if !c.u.possible(now, w.limit) {
		w.fault(&w.tally.wrong, c, "counts %+v, base %+v", now, c.u.base)
	}
	at := w.now()
	for i := c.u.head; i < len(c.u.sent); i++ {
		p := &c.u.sent[i]
		if p.rev > c.order.rev && p.rev <= now.rev {
			w.delivered(stamp{sent: p.sent}, at)
			p.delivered++
		}
	}
	c.u.settle()
	c.order.rev = now.rev
}

// reason gives an error a short name for the table.
func reason(err error) string {
	var ce *closeError
	switch {
	case errors.As(err, &ce):
		return "close " + strconv.Itoa(ce.code)
	case errors.Is(err, io.EOF):
		return "closed by the server"
	default:
		return err.Error()
	}
}
