package userjson

import (
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// Profile reads a profile or, with patch, what changes in one (RFC 7396). What
// may be in it is said by the package profile; what is read here is its form.
func (r *Reader) Profile(src []byte, patch bool) (*actors.SetProfile, error) {
	p := &profileReader{Reader: r, patch: patch, set: &actors.Profile{}}
	if err := r.Whole(src, p.member); err != nil {
		return nil, err
	}
	if err := profile.Check(p.set); err != nil {
		return nil, err
	}
	return &actors.SetProfile{Profile: p.set, Removed: p.removed, Replace: !patch}, nil
}

// profileReader reads the members of a profile.
type profileReader struct {
	*Reader
	patch   bool
	set     *actors.Profile
	removed []string
}

// null reads a null, which removes a member in a patch.
func (p *profileReader) null(name string) bool {
	if !p.patch || !p.Word("null") {
		return false
	}
	p.removed = append(p.removed, name)
	return true
}

func (p *profileReader) member(name string) (err error) {
	if !slices.Contains(profileMembers, name) {
		return transports.WrongField(transports.ShownField(name), "there is no such field; there are "+strings.Join(profileMembers, ", "))
	}
	if p.null(name) {
		return nil
	}
	switch name {
	case "tags":
		p.set.Tags, err = p.list(name, profile.MaxTags, profile.MaxTag)
	case "tenants":
		p.set.Tenants, err = p.list(name, profile.MaxTenants, profile.MaxTenant)
	case "locale":
		p.set.Locale, err = p.WordField(name, profile.MaxLocale)
	case "zone":
		p.set.Zone, err = p.zone(name)
	case "attributes":
		err = p.Object(name, p.attribute)
	case "addresses":
		err = p.Object(name, p.channel)
	}
	return err
}

var profileMembers = []string{"tags", "attributes", "locale", "zone", "tenants", "addresses"}

// list reads an array of strings. An empty one removes the member.
func (p *profileReader) list(name string, most, size int) ([]string, error) {
	list, err := p.WordsField(name, most, size)
	if err == nil && len(list) == 0 {
		p.removed = append(p.removed, name)
	}
	return list, err
}
