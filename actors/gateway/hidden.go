package gateway

import "reddot/actors"

// A connection whose client says that nobody sees what it shows may be conflated: it
// is told how the counts stand, at most once a second, and nothing of what
// happened. Its cursor stays where it is. When somebody sees it again it pulls
// the pages from there, as one does that was away.

// SetVisible notes whether somebody sees what the client shows. conflate says that
// otherwise the counts are enough.
func (c *Conn) SetVisible(yes, conflate bool) {
	var g *Gateway
	c.do(func() (actors.End, bool, *actors.Pull) {
		was := c.sight
		if yes != (was == sightVisible) {
			g = c.gate
		}
		switch {
		case yes:
			c.sight = sightVisible
		case conflate && !c.lost: // else the counts are not known
			c.sight = sightConflated
		default:
			c.sight = sightHidden
		}
		if was == sightConflated && c.sight != was && c.state == connLive {
			c.queue = nil // the pages have it
		}
		return 0, false, c.wantsPage()
	})
	if g != nil && g.home.Presence.Events { // nil: it is as before, or not attached yet
		m := &actors.Reached{Key: c.Key, Sight: actors.SightHidden}
		if yes {
			m.Sight = actors.SightVisible
		}
		g.home.Router.Send(c.Key, m)
	}
}

func (c *Conn) visible() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sight == sightVisible
}

// conflate keeps the last of the pushes, for its counts, and lets the gateway know of
// the first. It is called in the gateway's turn, with the lock held.
func (c *Conn) conflate(p *actors.Push) {
	last := c.at
	if c.queue != nil {
		last = (*c.queue)[0].To
	}
	if last.Covers(p.To) && p.To.Lineage == last.Lineage || len(p.Events) == 0 {
		return
	}
	c.behind = true
	if c.queue == nil {
		c.queue = new([]*actors.Push)
		c.gate.conflated = append(c.gate.conflated, c)
	}
	*c.queue = append((*c.queue)[:0], p)
}

// conflateQueue does so with what has waited for a greeting or a page.
func (c *Conn) conflateQueue() {
	if queue := c.queue; queue != nil {
		c.queue = nil
		for _, p := range *queue {
			c.conflate(p)
		}
	}
}

// tellCounts tells how the counts stand, unless the client has not read what came before:
// false, then it is for the next tick.
func (c *Conn) tellCounts() (told bool) {
	told = true
	c.do(func() (actors.End, bool, *actors.Pull) {
		if c.sight != sightConflated || c.state != connLive || c.queue == nil {
			return 0, false, nil
		}
		if c.pending {
			told = false
			return 0, false, nil
		}
		events := (*c.queue)[0].Events
		c.queue = nil
		why, over := c.write(c.frame(nil, actors.PlainEvent("counts", c.at, events[len(events)-1].Counts)))
		return why, over, nil
	})
	return told
}

// tellCounts tells the connections that are conflated how their counts stand.
func (g *Gateway) tellCounts() {
	list := g.conflated
	g.conflated = nil
	for _, c := range list {
		if !c.tellCounts() {
			g.conflated = append(g.conflated, c)
		}
	}
}
