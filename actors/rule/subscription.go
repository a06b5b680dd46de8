package rule

import (
	"slices"
	"strings"

	"reddot/actors"
)

// subscription stops what the user has switched off. What is said of a tenant's messages
// counts before what is said of all, and what is said of a category before what is said of
// the channel.
func (h *hearing) subscription() Do {
	c := h.c
	switch {
	case c.Locked:
		return h.says(finding{value: "the category can't be switched off"})
	case !h.respects(actors.Rule_SUBSCRIPTION):
		return h.unasked()
	}
	preferences := h.who.Preferences()
	if own := tenantOf(preferences, c.Tenant); own != nil {
		if on, by := switched(own, c); by != nothing {
			return h.switchedTo(on, by, " for tenant "+c.Tenant)
		}
	}
	on, by := switched(preferences, c)
	return h.switchedTo(on, by, "")
}

// switchedBy is what has switched a channel on or off.
type switchedBy uint8

const (
	nothing switchedBy = iota
	byCategory
	byChannel
)

func (h *hearing) switchedTo(on bool, by switchedBy, where string) Do {
	if by == nothing {
		on = !h.c.Off
	}
	if on && (by == nothing || !h.full) {
		return Deliver
	}
	state := "off"
	if on {
		state = "on"
	}
	var f finding
	switch by {
	case nothing:
		f.value = "category " + h.c.Category + " is off for " + h.c.Channel + " until the user switches it on"
	case byCategory:
		f.value = "category " + h.c.Category + " is switched " + state + " for " + h.c.Channel + where
	case byChannel:
		f.value = h.c.Channel + " is switched " + state + where
	}
	if !on {
		f.do = Filter
	}
	return h.says(f)
}

// switched tells whether preferences let a channel bring the message.
func switched(p *actors.Preferences, c *Candidate) (on bool, by switchedBy) {
	list := p.GetCategories()
	i, ok := slices.BinarySearchFunc(list, c.Category, func(e *actors.CategoryPreference, name string) int { return strings.Compare(e.Category, name) })
	if ok {
		if on, ok := channelSwitch(list[i].Channels, c.Channel); ok {
			return on, byCategory
		}
	}
	if on, ok := channelSwitch(p.GetChannels(), c.Channel); ok {
		return on, byChannel
	}
	return false, nothing
}

func channelSwitch(list []*actors.ChannelPreference, channel string) (on, ok bool) {
	for _, e := range list {
		if e.Channel == channel {
			return e.On, true
		}
	}
	return false, false
}

// tenantOf returns what the user prefers of a tenant's messages; nil: nothing.
func tenantOf(p *actors.Preferences, tenant string) *actors.Preferences {
	list := p.GetTenants()
	if tenant == "" || len(list) == 0 {
		return nil
	}
	i, ok := slices.BinarySearchFunc(list, tenant, func(e *actors.TenantPreferences, name string) int { return strings.Compare(e.Tenant, name) })
	if !ok {
		return nil
	}
	return list[i].Preferences
}
