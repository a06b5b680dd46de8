package rule

import "reddot/actors"

// mute puts off what comes while the user has muted all, or all of a tenant.
func (h *hearing) mute() finding {
	preferences := h.who.Preferences()
	until := preferences.GetMutedUntil()
	until = max(until, tenantOf(preferences, h.c.Tenant).GetMutedUntil())
	switch {
	case until <= h.now:
		return finding{own: true}
	case !h.respects(actors.Rule_MUTE):
		return h.mayPass("the policy does not ask for it")
	}
	return h.held(until, true, "muted until "+shownTime(until), true)
}
