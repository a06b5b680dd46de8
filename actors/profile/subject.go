package profile

import (
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/audience"
)

// What segments are matched with. None of it allocates: an entry of the broadcast log
// is matched with each user.

var _ audience.Subject = (*State)(nil)

// Has implements audience.Subject.
func (s *State) Has(set audience.Set, name string) bool {
	switch set {
	case audience.Tags:
		return isListed(s.Profile().GetTags(), name)
	case audience.Tenants:
		return isListed(s.Profile().GetTenants(), name)
	case audience.Follows:
		return s.Following(name)
	case audience.Lists:
		return s.InList(name)
	}
	return false
}

// isListed tells whether a list in order has the name.
func isListed(list []string, name string) bool {
	_, ok := slices.BinarySearch(list, name)
	return ok
}

// Attribute implements audience.Subject.
func (s *State) Attribute(name string) audience.Value {
	list := s.Profile().GetAttributes()
	i, ok := slices.BinarySearchFunc(list, name, func(a *actors.Attribute, name string) int { return strings.Compare(a.Name, name) })
	if !ok {
		return audience.Value{}
	}
	return valueOf(list[i])
}

// valueOf returns what an attribute holds as segments see it.
func valueOf(a *actors.Attribute) audience.Value {
	switch v := a.Value.(type) {
	case *actors.Attribute_Text:
		return audience.Value{Kind: audience.Text, Text: v.Text}
	case *actors.Attribute_Number:
		return audience.Value{Kind: audience.Number, Number: v.Number}
	case *actors.Attribute_Flag:
		return audience.Value{Kind: audience.Bool, True: v.Flag}
	case *actors.Attribute_Time:
		return audience.Value{Kind: audience.Time, Time: v.Time}
	case *actors.Attribute_Texts:
		return audience.Value{Kind: audience.List, Texts: v.Texts.GetList()}
	case *actors.Attribute_Numbers:
		return audience.Value{Kind: audience.List, Numbers: v.Numbers.GetList()}
	}
	return audience.Value{}
}

// Locale implements audience.Subject.
func (s *State) Locale() string { return s.Profile().GetLocale() }

// Zone implements audience.Subject.
func (s *State) Zone() string { return s.Profile().GetZone() }
