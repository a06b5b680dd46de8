package userjson

import (
	"errors"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// lineMembers are what a line of an import has besides the profile's.
var lineMembers = []string{"user", "preferences", "follows", "lists"}

// maxEntry bounds the name of a topic or a list that a line names, in bytes. A topic is
// longer than one that is published to where users/me/ stood for its user.
const maxEntry = transports.MaxTopic + transports.MaxUser

// Line reads a line of an import: an object with the user's name, the members of a
// profile and, where they are to be changed, preferences, follows and lists. With patch
// the profile's are merged (RFC 7396), and follows and lists added.
func (r *Reader) Line(src []byte, patch bool) (user string, c *actors.ImportUser, err error) {
	p := &profileReader{Reader: r, patch: patch, set: &actors.Profile{}}
	c = &actors.ImportUser{}
	err = r.Whole(src, func(name string) error {
		switch name {
		case "user":
			text, err := r.WordField(name, transports.MaxUser)
			if err == nil {
				user, err = transports.ParseUser(text)
			}
			return err
		case "preferences":
			c.Preferences, err = r.inner(name)
			return err
		case "follows":
			c.Follows, c.AllFollows, err = p.entries(name, profile.MaxFollows)
			return err
		case "lists":
			c.Lists, c.AllLists, err = p.entries(name, profile.MaxLists)
			return err
		}
		if !slices.Contains(profileMembers, name) {
			return transports.WrongField(transports.ShownField(name), "there is no such field; there are "+strings.Join(slices.Concat(lineMembers, profileMembers), ", "))
		}
		return p.member(name)
	})
	if err == nil && user == "" {
		err = transports.WrongField("user", "it is missing")
	}
	if err == nil {
		if wrong := profile.Check(p.set); wrong != nil {
			err = wrong
		}
	}
	if err != nil {
		return "", nil, err
	}
	c.Profile = actors.SetProfile{Profile: p.set, Removed: p.removed, Replace: !patch}
	return user, c, nil
}

// inner reads preferences that stand in a member.
func (r *Reader) inner(name string) (*actors.Preferences, error) {
	raw, ok := r.Raw()
	if !ok {
		return nil, r.Err()
	}
	var in Reader
	p, err := in.Preferences(raw)
	var e *actors.Error
	if errors.As(err, &e) {
		within := *e
		within.Field = strings.TrimSuffix(name+"."+e.Field, ".")
		within.Detail = name + ": " + e.Detail
		return nil, &within
	}
	return p, err
}

// entries reads names of which the user is to have those too or, without patch, no
// others; null in a patch: none.
func (p *profileReader) entries(name string, most int) (list []string, all bool, err error) {
	if p.patch && p.Word("null") {
		return nil, true, nil
	}
	list, err = p.WordsField(name, most, maxEntry)
	return list, !p.patch, err
}
