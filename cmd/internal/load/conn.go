package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"reddot/cmd/internal/load/event"
	"reddot/cmd/internal/load/frames"
	"reddot/cmd/internal/load/http1"
	"reddot/cmd/internal/load/mqtt"
	"reddot/cmd/internal/load/poller"
)

// A conn is one of a user's connections, by any transport. It comes back with
// its cursor when it is closed.
type conn struct {
	w      *worker
	u      *user
	name   int // of the user, as in worker.name
	from   netip.Addr
	to     *http1.Target
	link   poller.Link
	http   http1.Reader
	framer frames.Framer
	mqtt   mqtt.Framer
	nth    int           // of the run's connections
	caller *http1.Caller // of the polling transports
	cursor []byte
	heard  int // broadcasts so far
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
	c.http = http1.Reader{}
	switch c.w.cfg.Transport {
	case Poll, LongPoll:
		if c.caller == nil {
			c.caller = http1.NewCaller(c.w.dial(c.from, c.to), c)
		}
		c.poll()
		return
	case SSE:
		c.framer = &frames.SSE{}
	case Iframe:
		c.framer = &frames.Iframe{}
	case WS:
		c.framer = &frames.WS{}
	case MQTT:
		c.startMQTT()
		return
	}
	l, err := c.w.p.Open(c.from, c.to.Addr, c)
	if err != nil {
		c.drop(err)
		return
	}
	c.link = l
	l.Write(c.request())
}

// request returns the request that opens a stream.
func (c *conn) request() []byte {
	w := c.w
	b := append(w.scratch[:0], "GET "...)
	b = append(b, c.to.Path...)
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
	b = w.appendUser(append(b, c.to.Path...), c.name)
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
	c.caller.Call(w.scratch)
}

// Received implements poller.Peer.
func (c *conn) Received(b []byte) {
	if c.w.cfg.Transport == MQTT {
		c.receivedMQTT(b)
		return
	}
	for {
		p, data, rest, err := c.http.Next(b)
		b = rest
		switch {
		case err != nil:
			c.drop(err)
			return
		case p == http1.More:
			return
		case p == http1.Head:
			if want := map[bool]int{false: 200, true: 101}[c.w.cfg.Transport == WS]; c.http.Status != want {
				c.drop(fmt.Errorf("status %d", c.http.Status))
				return
			}
			c.w.tally.connects++
			c.subscribe()
			if len(c.cursor) > 0 { // there may be nothing to replay
				c.alive()
			}
		case p == http1.Body:
			if err := c.framer.Feed(data, c); err != nil {
				c.drop(err)
				return
			}
		case p == http1.End:
			c.drop(io.EOF)
			return
		}
		if c.link == nil {
			return
		}
	}
}

// Closed implements poller.Peer.
func (c *conn) Closed(err error) {
	c.link = nil
	c.drop(err)
}

// drop ends the connection for the reason and has it come back.
func (c *conn) drop(err error) {
	c.close()
	c.w.dropped(c, err)
}

// close ends the connection from this side.
func (c *conn) close() {
	if c.link != nil {
		c.link.Shut()
		c.link = nil
	}
	if c.caller != nil {
		c.caller.Close()
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
	c.close()
	c.live, c.away = false, true
}

// Frame implements frames.Sink.
func (c *conn) Frame(data []byte) {
	if err := event.Parse(data, &c.w.event); err != nil {
		c.w.tally.fail("event unreadable", 1)
		return
	}
	c.take(&c.w.event)
}

// Beat implements frames.Sink.
func (c *conn) Beat() { c.w.tally.beats++ }

// Ping implements frames.Sink.
func (c *conn) Ping(data []byte) {
	c.w.tally.beats++
	if c.link != nil {
		c.link.Write(frames.AppendClient(nil, 10, data))
	}
}

// Answered takes a poll's answer, and asks again.
func (c *conn) Answered(status int, body []byte) {
	w := c.w
	more := false
	switch {
	case status == 304:
		w.tally.beats++
	case status == 200 && w.cfg.Transport == Poll:
		var a event.Answer
		if err := event.ParseAnswer(body, &a); err != nil || !a.Counts.Known {
			c.drop(event.ErrEvent)
			return
		}
		c.cursor = append(c.cursor[:0], a.Cursor...)
		c.polled(a.Counts)
	case status == 200:
		if err := c.longPollAnswer(body); err != nil {
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

// Failed implements http1.Answerer.
func (c *conn) Failed(err error) { c.drop(err) }

// longPollAnswer takes a long poll's answer.
func (c *conn) longPollAnswer(body []byte) error {
	now, cursor, err := event.ParseLongPoll(body, &c.w.event, c.take)
	if err != nil {
		return err
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
		c.w.started(c)
	}
}

// take judges one event.
func (c *conn) take(e *event.Event) {
	if len(e.Cursor) > 0 {
		c.cursor = append(c.cursor[:0], e.Cursor...)
	}
	switch string(e.Kind) {
	case "message":
		c.message(e)
	case "topic":
		c.topic(e.Body)
	case "error":
		c.w.tally.fail("frame refused", 1)
		return
	case "reset":
		c.w.tally.resets++
		c.order = order{rev: e.Counts.Rev}
		c.known = true
	case "drain":
		c.w.tally.fail("drain", 1)
	case "hello", "counts":
		if !c.known {
			c.first(e.Counts)
		} else if c.w.b.topic == "" && !c.w.b.stateless && e.Counts.Known && e.Counts.Rev <= c.order.rev+1 && !c.u.possible(e.Counts, c.w.limit) {
			c.w.fault(&c.w.tally.wrong, c, "event %s %+v, base %+v", e.Kind, e.Counts, c.u.base)
		}
	default:
		if e.Counts.Known && c.known {
			c.order.step(c.place(e, nil))
		}
	}
	if c.w.b.topic != "" && c.w.cfg.Transport == WS && string(e.Kind) == "hello" {
		return // it is subscribed when that is answered
	}
	c.alive()
	if c.target > 0 && c.order.rev >= c.target {
		c.target = 0
		c.w.returning--
	}
}

// first takes the counts with which a connection begins.
func (c *conn) first(now event.Counts) {
	c.known = true
	c.order.rev = now.Rev
	if c.w.b.topic != "" {
		c.order.rev = 0 // a topic's messages are counted from 1
	} else if !c.w.b.stateless && !c.u.possible(now, c.w.limit) {
		c.w.fault(&c.w.tally.wrong, c, "first counts %+v, base %+v", now, c.u.base)
	}
}

// message judges an inbox message.
func (c *conn) message(e *event.Event) {
	w := c.w
	now := w.now()
	s, ours := parseStamp(e.Body, w.b.run)
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
	if !c.known || !e.Counts.Known {
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
			if !e.Replayed() {
				c.order.step(e.Counts.Rev)
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
	if e.Counts.Rev < rev || !c.u.possible(e.Counts, w.limit) || (p != nil && !p.agrees(rev, e.Counts)) {
		w.fault(&w.tally.wrong, c, "message %d, rev %d: %+v, base %+v", s.n, rev, e.Counts, c.u.base)
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
		w.heard(c, s.n)
		w.arrived(s)
	}
}

// place returns the rev of an event. A replayed one does not tell it: then it
// is the message's, if its answer has come, and else what must come next.
func (c *conn) place(e *event.Event, p *pending) int64 {
	switch {
	case !e.Replayed():
		return e.Counts.Rev
	case p != nil && p.rev != 0:
		return p.rev
	}
	return c.order.rev + 1
}

// polled judges counts alone: what they include has been delivered.
func (c *conn) polled(now event.Counts) {
	w := c.w
	if !c.known {
		c.first(now)
		return
	}
	if w.b.stateless {
		return
	}
	if now.Rev < c.order.rev {
		w.fault(&w.tally.disordered, c, "counts went back from rev %d to %d", c.order.rev, now.Rev)
		return
	}
	if !c.u.possible(now, w.limit) {
		w.fault(&w.tally.wrong, c, "counts %+v, base %+v", now, c.u.base)
	}
	at := w.now()
	for i := c.u.head; i < len(c.u.sent); i++ {
		p := &c.u.sent[i]
		if p.rev > c.order.rev && p.rev <= now.Rev {
			w.delivered(stamp{sent: p.sent}, at)
			p.delivered++
		}
	}
	c.u.settle()
	c.order.rev = now.Rev
}

// reason gives an error a short name for the table.
func reason(err error) string {
	var ce *frames.CloseError
	switch {
	case errors.As(err, &ce):
		return "close " + strconv.Itoa(ce.Code)
	case errors.Is(err, io.EOF):
		return "closed by the server"
	default:
		return err.Error()
	}
}
