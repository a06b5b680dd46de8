package rule

import "reddot/actors"

// duplicate stops what says the same as a message that the user has got not long ago.
func (h *hearing) duplicate() Do {
	if !h.p.Remembers() || h.c.Digest == 0 {
		return Deliver
	}
	at, ok := h.s.saidAt(h.c.Digest)
	if !ok || at <= h.now-h.p.remember {
		return Deliver
	}
	return h.says(finding{do: Filter, value: "the same as at " + shownTime(at)})
}

// remember lets the verdict say what the message says, so that its duplicates are known.
func (h *hearing) remember(v *actors.Verdict) {
	if h.p.Remembers() && h.c.Digest != 0 && !h.isPassed(actors.Rule_DUPLICATE) {
		v.Digest, v.Remember = h.c.Digest, h.p.remember
	}
}

// isPassed tells whether the message passes a rule unasked: then it spends nothing there.
func (h *hearing) isPassed(rule actors.Rule) bool { return h.passes(rule) != "" }
