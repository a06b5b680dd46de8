package load

import (
	"context"
	"fmt"
)

// The audiences of a broadcast that only some users belong to: every other one of
// those who are online, and nobody who is stored. The others must hear nothing.

// isPartial tells whether only some users belong to the audience.
func (a Audience) isPartial() bool { return a == AudienceFollowers || a == AudienceSegment }

// belongs tells whether a user hears what is broadcast.
func (c *Config) belongs(name int) bool { return !c.Audience.isPartial() || name/c.Workers%2 == 0 }

// hearers returns how many users hear what is broadcast.
func (c *Config) hearers() (n int) {
	for name := range c.Users {
		if c.belongs(name) {
			n++
		}
	}
	return n
}

// group returns the name of the topic that is followed, of the segment, and of its tag.
func (w *worker) group() string { return "bench-" + w.b.run }

// appendAudience appends whom a broadcast is for.
func (w *worker) appendAudience(b []byte) []byte {
	switch w.cfg.Audience {
	case AudienceFollowers:
		return fmt.Appendf(b, `{"topic":%q}`, w.group())
	case AudienceSegment:
		return fmt.Appendf(b, `{"segment":%q}`, w.group())
	}
	return append(b, `{"all":true}`...)
}

// gather makes the users belong to the audience who do.
func (w *worker) gather(ctx context.Context) error {
	if !w.cfg.Audience.isPartial() {
		return nil
	}
	w.say("gathering the audience")
	if w.cfg.Audience == AudienceSegment && w.id == 0 {
		if err := w.each(ctx, 1, func(p *publisher, _ int) bool {
			p.change("PUT", "/v1/segments/"+w.group(), fmt.Sprintf(`{"where":"'%s' in tags"}`, w.group()))
			return true
		}); err != nil {
			return err
		}
	}
	w.b.barrier.wait(w.now)
	return w.each(ctx, len(w.users), func(p *publisher, user int) bool {
		name := w.name(user)
		if !w.cfg.belongs(name) {
			return false
		}
		path := string(w.appendUser(nil, name))
		if w.cfg.Audience == AudienceSegment {
			p.change("PATCH", path, fmt.Sprintf(`{"tags":[%q]}`, w.group()))
		} else {
			p.change("PUT", path+"/follows/"+w.group(), "")
		}
		return true
	})
}

// each lets publishers make n requests; do returns false for one that is not needed.
func (w *worker) each(ctx context.Context, n int, do func(p *publisher, i int) bool) error {
	next, failed := 0, w.failed
	w.feed = func(p *publisher, _ int64) bool {
		for next < n {
			next++
			if do(p, next-1) {
				return true
			}
		}
		return false
	}
	defer func() { w.feed = nil }()
	err := w.progress(ctx, "set up", w.cfg.Timeout, func() int { return next + len(w.idle) }, func(int) bool {
		return next == n && len(w.idle) == len(w.pubs)
	})
	if err == nil && w.failed > failed {
		err = fmt.Errorf("%w: set up: %s", ErrStalled, w.tally.worst())
	}
	return err
}

// change sends a request of which only the success counts.
func (p *publisher) change(method, path, body string) {
	w := p.w
	p.op = opChange
	b := append(append(append(w.scratch[:0], method...), ' '), p.to.Path...)
	p.post(append(b, path...), "application/json", []byte(body))
}
