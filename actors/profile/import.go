package profile

import (
	"slices"

	"reddot/actors"
)

// Import decides about all that is told of a user at once.
func (s *State) Import(c *actors.ImportUser) (*actors.ProfileChange, *actors.Error) {
	change, err := s.SetProfile(&c.Profile)
	if err != nil {
		return nil, err
	}
	if change == nil {
		change = &actors.ProfileChange{}
	}
	if c.Preferences != nil {
		p, err := s.SetPreferences(c.Preferences)
		if err != nil {
			return nil, err
		}
		if p != nil {
			change.Preferences = p.Preferences
		}
	}
	k := s.known()
	if err := checkEach(c.Follows, checkTopic); err != nil {
		return nil, err
	}
	if err := checkEach(c.Lists, checkList); err != nil {
		return nil, err
	}
	change.Followed, change.Unfollowed, err = k.follows.become(c.Follows, c.AllFollows, MaxFollows, MaxFollowsSize, "topics that it follows")
	if err != nil {
		return nil, err
	}
	change.Joined, change.Left, err = k.lists.become(c.Lists, c.AllLists, MaxLists, MaxListsSize, "lists that it is in")
	if err != nil || change.SizeVT() == 0 {
		return nil, err
	}
	return change, nil
}

func checkEach(names []string, check func(string) *actors.Error) *actors.Error {
	for _, name := range names {
		if err := check(name); err != nil {
			return err
		}
	}
	return nil
}

// become returns which names have to be added and removed so that the set has those
// given and, with all, no others; and whether there is room for them, as changes does.
func (n *names) become(given []string, all bool, most, size int, what string) (added, removed []string, err *actors.Error) {
	number, total := 0, 0
	for _, name := range n.list {
		if all && !slices.Contains(given, name) {
			removed = append(removed, name)
			continue
		}
		number, total = number+1, total+len(name)
	}
	for _, name := range given {
		if !n.has(name) && !slices.Contains(added, name) {
			added = append(added, name)
			number, total = number+1, total+len(name)
		}
	}
	switch {
	case len(added) == 0:
	case number > most:
		return nil, nil, actors.Errorf(actors.TooMany, "a user has at most %d %s", most, what)
	case total > size:
		return nil, nil, actors.Errorf(actors.TooMany, "the names of all %s of a user have at most %d bytes", what, size)
	}
	return added, removed, nil
}
