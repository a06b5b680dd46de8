package rule

import "reddot/actors"

// screened stops what was found where the message was sent, outside of the user's turn: that
// its content is not approved, or has words that it may not have. Nothing passes it.
func (h *hearing) screened(rule actors.Rule) Do {
	if h.c.Screened == nil || h.c.Screened.Rule != rule {
		return Deliver
	}
	return h.says(finding{do: Filter, value: h.c.Screened.Value})
}
