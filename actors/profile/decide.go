package profile

import (
	"bytes"
	"slices"
	"strings"

	"reddot/actors"
)

// What is decided about a user's profile. These functions change nothing; a change
// that is nil says that there is nothing to do.

// SetProfile decides about a new profile, or a new state of some of its members.
func (s *State) SetProfile(c *actors.SetProfile) (*actors.ProfileChange, *actors.Error) {
	old := s.Profile()
	p := c.Profile
	if p == nil {
		p = &actors.Profile{}
	}
	if !c.Replace {
		var err *actors.Error
		if p, err = merged(old, p, c.Removed); err != nil {
			return nil, err
		}
	}
	if err := Check(p); err != nil {
		return nil, err
	}
	if same(p, old) && !c.Anew {
		return nil, nil
	}
	return &actors.ProfileChange{Profile: p}, nil
}

// merged returns old without what is removed, and with what is set.
func merged(old, set *actors.Profile, removed []string) (*actors.Profile, *actors.Error) {
	p := &actors.Profile{
		Tags: slices.Clone(old.GetTags()), Attributes: slices.Clone(old.GetAttributes()), Locale: old.GetLocale(), Zone: old.GetZone(),
		Tenants: slices.Clone(old.GetTenants()), Addresses: slices.Clone(old.GetAddresses()),
	}
	for _, name := range removed {
		if !remove(p, name) {
			return nil, wrong(name, "there is no such field")
		}
	}
	if set.Tags != nil {
		p.Tags = set.Tags
	}
	if set.Tenants != nil {
		p.Tenants = set.Tenants
	}
	if set.Locale != "" {
		p.Locale = set.Locale
	}
	if set.Zone != "" {
		p.Zone = set.Zone
	}
	p.Attributes = slices.DeleteFunc(p.Attributes, func(a *actors.Attribute) bool {
		return slices.ContainsFunc(set.Attributes, func(n *actors.Attribute) bool { return n.GetName() == a.Name })
	})
	p.Attributes = append(p.Attributes, set.Attributes...)
	p.Addresses = slices.DeleteFunc(p.Addresses, func(a *actors.Address) bool {
		return slices.ContainsFunc(set.Addresses, func(n *actors.Address) bool { return n.GetChannel() == a.Channel })
	})
	p.Addresses = append(p.Addresses, set.Addresses...)
	return p, nil
}

// remove takes a member out; false: there is none of that name.
func remove(p *actors.Profile, name string) bool {
	if attribute, ok := strings.CutPrefix(name, "attributes."); ok {
		p.Attributes = slices.DeleteFunc(p.Attributes, func(a *actors.Attribute) bool { return a.Name == attribute })
		return true
	}
	if channel, ok := strings.CutPrefix(name, "addresses."); ok {
		p.Addresses = slices.DeleteFunc(p.Addresses, func(a *actors.Address) bool { return a.Channel == channel })
		return true
	}
	switch name {
	case "tags":
		p.Tags = nil
	case "attributes":
		p.Attributes = nil
	case "locale":
		p.Locale = ""
	case "zone":
		p.Zone = ""
	case "tenants":
		p.Tenants = nil
	case "addresses":
		p.Addresses = nil
	default:
		return false
	}
	return true
}

// SetPreferences decides about new preferences.
func (s *State) SetPreferences(p *actors.Preferences) (*actors.ProfileChange, *actors.Error) {
	if p == nil {
		p = &actors.Preferences{}
	}
	if err := CheckPreferences(p); err != nil {
		return nil, err
	}
	if same(p, s.Preferences()) {
		return nil, nil
	}
	return &actors.ProfileChange{Preferences: p}, nil
}

// encoded is a message that can be compared by its bytes: there are no maps in it.
type encoded interface{ MarshalVT() ([]byte, error) }

func same(a, b encoded) bool {
	x, err := a.MarshalVT()
	if err != nil {
		return false
	}
	y, err := b.MarshalVT()
	return err == nil && bytes.Equal(x, y)
}

// Follow decides about a topic that the user is to follow, or no more.
func (s *State) Follow(c *actors.Follow) (*actors.ProfileChange, *actors.Error) {
	if err := checkTopic(c.Topic); err != nil {
		return nil, err
	}
	changes, err := s.known().follows.changes(c.Topic, c.Stop, MaxFollows, MaxFollowsSize, "topics that it follows")
	switch {
	case !changes:
		return nil, err
	case c.Stop:
		return &actors.ProfileChange{Unfollowed: []string{c.Topic}}, nil
	}
	return &actors.ProfileChange{Followed: []string{c.Topic}}, nil
}

// JoinList decides about a list that the user is to be in, or no more.
func (s *State) JoinList(c *actors.JoinList) (*actors.ProfileChange, *actors.Error) {
	if err := checkList(c.List); err != nil {
		return nil, err
	}
	changes, err := s.known().lists.changes(c.List, c.Leave, MaxLists, MaxListsSize, "lists that it is in")
	switch {
	case !changes:
		return nil, err
	case c.Leave:
		return &actors.ProfileChange{Left: []string{c.List}}, nil
	}
	return &actors.ProfileChange{Joined: []string{c.List}}, nil
}

// known returns the state, or one that knows nothing in the place of a nil.
func (s *State) known() *State {
	if s == nil {
		return &State{}
	}
	return s
}

// FollowsAfter returns up to limit of the topics that the user follows, from behind
// one on, and whether there are more. The list is not to be changed.
func (s *State) FollowsAfter(topic string, limit int) (list []string, more bool) {
	return s.known().follows.after(topic, limit)
}

// ListsAfter is FollowsAfter for the lists that the user is in.
func (s *State) ListsAfter(name string, limit int) (list []string, more bool) {
	return s.known().lists.after(name, limit)
}
