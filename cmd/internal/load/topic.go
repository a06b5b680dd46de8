package load

import "reddot/cmd/internal/load/frames"

// appendTopic appends the topic of a user.
func (w *worker) appendTopic(b []byte, name int) []byte {
	b = append(b, w.b.topic...)
	if w.b.each {
		b = w.appendName(append(b, '/'), name)
	}
	return b
}

// subscribe has a WebSocket listen to the topic, which a stream does by its URL.
func (c *conn) subscribe() {
	w := c.w
	if w.b.topic == "" || w.cfg.Transport != WS {
		return
	}
	frame := append(w.appendTopic([]byte(`{"type":"subscribe","topic":"`), c.name), `"}`...)
	c.link.Write(frames.AppendClient(nil, 1, frame))
}

// topic judges a live topic's event: it has no rev, so its number stands for it.
func (c *conn) topic(body []byte) {
	w := c.w
	s, ours := parseStamp(body, w.b.run)
	if !ours {
		w.tally.foreign++
		return
	}
	if w.b.each && s.user != c.name {
		w.fault(&w.tally.misdirected, c, "a message for %d", s.user)
		return
	}
	v, beyond := c.order.step(int64(s.n) + 1)
	w.tally.lost += uint64(beyond)
	switch v {
	case again:
		w.fault(&w.tally.doubled, c, "topic's message %d", s.n)
		return
	case late:
		if !w.cfg.ordered() {
			break
		}
		w.fault(&w.tally.disordered, c, "topic's message %d after %d", s.n, c.order.rev-1)
	}
	w.delivered(s, w.now())
	w.arrived(s)
	if !w.b.each {
		return
	}
	if p := c.u.at(s.n); p != nil {
		if p.delivered++; p.delivered >= c.u.conns && p.by != nil {
			by := p.by
			p.by = nil
			c.u.settle()
			by.reached()
			return
		}
		c.u.settle()
	}
}

// own chooses one of a publisher's users: each has its own, so that the order of
// a topic's messages is known.
func (w *worker) own(p *publisher, due int64) bool {
	n := len(w.pubs)
	p.message(p.nth+n*w.random.IntN((len(w.users)-p.nth+n-1)/n), due)
	return true
}

// topicDue returns the number of messages that a connection must have.
func (w *worker) topicDue(c *conn) int64 {
	if w.b.each {
		return int64(c.u.first) + int64(len(c.u.sent))
	}
	return w.b.broadcasts.Load()
}

// verifyTopics counts what each connection lacks.
func (w *worker) verifyTopics() {
	for _, c := range w.conns {
		if n := int64(len(c.order.missing)) + max(0, w.topicDue(c)-c.order.rev); n > 0 {
			w.fault(&w.tally.lost, c, "%d of %d messages lost (at %d, missing %v)", n, w.topicDue(c), c.order.rev, head(c.order.missing, 5))
			w.tally.lost += uint64(n - 1)
		}
	}
}
