package rule

import (
	"strconv"
	"time"

	"reddot/actors"
	"reddot/actors/schedule"
)

// gathered lets a finding say that the message is an item of the policy's digest, and when
// that closes: not before what the finding waits for is over. Where no more digests can be
// open, it is what full says.
func (h *hearing) gathered(f finding, full Do) finding {
	key := h.p.digest.keyOf(h.c)
	open := h.s.window(key, h.now)
	if open == nil && h.s.isFull(h.now) {
		if f.do = full; full == Filter {
			f.value += ", and " + strconv.Itoa(maxWindows) + " digests are open already"
		}
		return f
	}
	f.do, f.until = Gather, max(f.until, h.closing(open))
	return f
}

// closing returns when a digest closes that gathers the message; nil: one that opens now. It
// does not close in quiet hours.
func (h *hearing) closing(open *window) int64 {
	d := h.p.digest
	var closes int64
	switch {
	case d.sliding > 0 && open != nil:
		closes = max(open.closes, min(h.now+d.sliding, open.opened+d.max))
	case open != nil:
		closes = open.closes
	case d.sliding > 0:
		closes = h.now + min(d.sliding, d.max)
	case d.window > 0:
		closes = h.now + d.window
	default:
		closes = schedule.Next(time.UnixMilli(h.now+1), d.at, h.zone("")).UnixMilli()
	}
	if open != nil && closes == open.closes {
		return closes
	}
	q := h.quiet()
	if end, ok := q.end(time.UnixMilli(closes)); ok {
		closes = end.UnixMilli()
	}
	return closes
}

// gather returns the decision that the message is an item of a digest.
func (h *hearing) gather(rule actors.Rule, f finding) Decision {
	key := h.p.digest.keyOf(h.c)
	v := h.objection(rule, f)
	v.Gather, v.Title = key, h.p.digest.title
	h.remember(v)
	return Decision{Do: Gather, Verdict: v, Until: f.until, Key: key}
}

// lead returns the decision that the message is delivered, and opens a digest for those
// that follow.
func (h *hearing) lead() Decision {
	v := h.pass()
	if !h.s.isFull(h.now) {
		v.Gather, v.Opens, v.Title = h.p.digest.keyOf(h.c), h.closing(nil), h.p.digest.title
	}
	return Decision{Verdict: v, Spends: h.spends()}
}
