package rule

// deny stops what the app does not want the user to get. Nothing passes it.
func (h *hearing) deny() finding {
	denied := h.s.standing(false, h.c, h.now)
	if denied == nil {
		return finding{own: true}
	}
	return finding{do: Filter, value: standingText(denied), own: true}
}
