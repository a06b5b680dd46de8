package rule

// expiry stops what has come to its end before it came to the user.
func (h *hearing) expiry() finding {
	if h.c.Expires == 0 || h.c.Expires > h.now {
		return finding{own: true}
	}
	return finding{do: Filter, value: "it ended at " + shownTime(h.c.Expires), own: true}
}
