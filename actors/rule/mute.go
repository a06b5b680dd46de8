package rule

import "reddot/actors"

// mute puts off what comes while the user has muted all, or all of a tenant.
func (h *hearing) mute() Do {
	preferences := h.who.Preferences()
	until := preferences.GetMutedUntil()
	until = max(until, tenantOf(preferences, h.c.Tenant).GetMutedUntil())
	switch {
	case until <= h.now:
		return Deliver
	case !h.respects(actors.Rule_MUTE):
		return h.unasked()
	}
	return h.says(h.held(until, true, finding{value: "muted until " + shownTime(until)}))
}
