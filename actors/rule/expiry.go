package rule

// expiry stops what has come to its end before it came to the user.
func (h *hearing) expiry() Do {
	if h.c.Expires == 0 || h.c.Expires > h.now {
		return Deliver
	}
	return h.says(finding{do: Filter, value: "it ended at " + shownTime(h.c.Expires)})
}
