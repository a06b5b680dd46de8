package rule

// deny stops what the app does not want the user to get. Nothing passes it.
func (h *hearing) deny() Do {
	denied := h.s.standing(false, h.c, h.now)
	if denied == nil {
		return Deliver
	}
	return h.says(finding{do: Filter, value: standingText(denied)})
}
