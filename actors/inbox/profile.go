package inbox

import (
	"reddot/actors"
	"reddot/actors/profile"
)

// What a user decides about its profile, its preferences and what it follows. The
// deciding methods change nothing.

// SetProfile decides about what is known of the user.
func (b *Inbox) SetProfile(c *actors.SetProfile, once actors.Once, t actors.Moment) Ready {
	return b.changeProfile(once, t, func() (*actors.ProfileChange, *actors.Error) { return b.Profile.SetProfile(c) })
}

// SetPreferences decides about what the user prefers.
func (b *Inbox) SetPreferences(c *actors.SetPreferences, once actors.Once, t actors.Moment) Ready {
	return b.changeProfile(once, t, func() (*actors.ProfileChange, *actors.Error) { return b.Profile.SetPreferences(c.Preferences) })
}

// Follow decides about a topic that the user is to follow, or no more.
func (b *Inbox) Follow(c *actors.Follow, once actors.Once, t actors.Moment) Ready {
	return b.changeProfile(once, t, func() (*actors.ProfileChange, *actors.Error) { return b.Profile.Follow(c) })
}

// JoinList decides about a list of the app that the user is to be in, or no more.
func (b *Inbox) JoinList(c *actors.JoinList, once actors.Once, t actors.Moment) Ready {
	return b.changeProfile(once, t, func() (*actors.ProfileChange, *actors.Error) { return b.Profile.JoinList(c) })
}

// Import decides about all that is told of the user at once.
func (b *Inbox) Import(c *actors.ImportUser, once actors.Once, t actors.Moment) Ready {
	return b.changeProfile(once, t, func() (*actors.ProfileChange, *actors.Error) { return b.Profile.Import(c) })
}

// changeProfile returns the event of a change, unless it was made before.
func (b *Inbox) changeProfile(once actors.Once, t actors.Moment, decide func() (*actors.ProfileChange, *actors.Error)) Ready {
	if r, ok := b.Replayed(once, t); ok {
		return r
	}
	change, err := decide()
	switch {
	case err != nil:
		return Ready{Err: err}
	case change == nil:
		return b.noted(Ready{}, once, t)
	}
	e := b.Next(actors.Kind_PROFILE, 0, t)
	e.Profile = change
	once.Stamp(e)
	return Ready{Events: []*actors.Event{e}}
}

// applyProfile takes in a change of the profile.
func (b *Inbox) applyProfile(e *actors.Event) {
	if b.Profile == nil {
		b.Profile = &profile.State{}
	}
	for _, seq := range b.Profile.Apply(e) {
		b.history.superseded(seq)
	}
}
