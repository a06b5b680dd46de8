package rule

import (
	"time"

	"reddot/actors"
	"reddot/actors/schedule"
)

// quietHours puts off what comes at a time of the day when nothing is to come: the policy's,
// and the user's own.
func (h *hearing) quietHours() Do {
	q := h.quiet()
	at := time.UnixMilli(h.now)
	switch {
	case q.policy.Zone != nil && q.policy.Contains(at):
	case q.user.Zone != nil && q.user.Contains(at):
		until, ok := q.end(at)
		return h.says(h.held(until.UnixMilli(), ok, finding{value: windowText(&q.user) + " of the user", own: true}))
	default:
		if h.full {
			h.says(finding{value: q.text()})
		}
		return Deliver
	}
	until, ok := q.end(at)
	return h.says(h.held(until.UnixMilli(), ok, finding{value: windowText(&q.policy)}))
}

// quietTimes are the windows that hold for a user; one without a zone is none.
type quietTimes struct{ policy, user schedule.Window }

// quiet returns the windows of the policy and of the user.
func (h *hearing) quiet() (q quietTimes) {
	if h.p.quiet != nil {
		q.policy = *h.p.quiet
		if q.policy.Zone == nil {
			q.policy.Zone = h.zone("")
		}
	}
	if !h.respects(actors.Rule_QUIET_HOURS) {
		return q
	}
	preferences := h.who.Preferences()
	own := tenantOf(preferences, h.c.Tenant).GetQuietHours()
	if own == nil {
		own = preferences.GetQuietHours()
	}
	if own != nil {
		q.user = schedule.Window{From: int(own.From), To: int(own.To), Days: own.Days, Zone: h.zone(own.Zone)}
	}
	return q
}

// zone returns a zone by its name, or that of the user's profile; UTC where it is not known.
func (h *hearing) zone(name string) *time.Location {
	if name == "" {
		name = h.who.Zone()
	}
	if name == "" {
		return time.UTC
	}
	if h.c.Zones != nil {
		if zone := h.c.Zones(name); zone != nil {
			return zone
		}
		return time.UTC
	}
	if zone, err := schedule.Zone(name); err == nil {
		return zone
	}
	return time.UTC
}

// end returns the first instant, at or after one, that is in none of the windows; ok: there
// is one before long.
func (q *quietTimes) end(at time.Time) (end time.Time, ok bool) {
	for end = at; end.Sub(at) <= schedule.Longest; {
		next := end
		for _, w := range []*schedule.Window{&q.policy, &q.user} {
			if w.Zone == nil {
				continue
			}
			if next, ok = w.End(next); !ok {
				return at, false
			}
		}
		if next.Equal(end) {
			return end, true
		}
		end = next
	}
	return at, false
}

// text says which windows there are.
func (q *quietTimes) text() (text string) {
	if q.policy.Zone != nil {
		text = windowText(&q.policy)
	}
	if q.user.Zone != nil {
		if text != "" {
			text += ", "
		}
		text += windowText(&q.user) + " of the user"
	}
	if text == "" {
		return "none"
	}
	return "not in " + text
}

// windowText says when a window is, for people.
func windowText(w *schedule.Window) string {
	return shownClock(w.From) + "-" + shownClock(w.To) + " " + w.Zone.String()
}
