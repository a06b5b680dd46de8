package profile

import (
	"bytes"
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/actors/audience"
)

// What the store's index has of a user: a row of its own, which holds what is known
// of it, and a posting for each value by which a segment may find it.

// rowVersion is the first byte of a user's row that holds something.
const rowVersion = 1

// IndexChange returns what a change does to the rows of the user, of whom the state
// knows what was before it.
func (s *State) IndexChange(user actors.Key, c *actors.ProfileChange) []actors.IndexRow {
	next := made(s.asChange(), c)
	m := audience.NewRowMaker(user)
	rows := []actors.IndexRow{{Key: m.UserRow(), Value: next.row()}}
	return append(rows, difference(s.postings(user), next.postings(user))...)
}

// IndexRows returns all rows of the user.
func (s *State) IndexRows(user actors.Key) []actors.IndexRow {
	rows := []actors.IndexRow{{Key: audience.NewRowMaker(user).UserRow(), Value: s.row()}}
	return append(rows, difference(nil, s.postings(user))...)
}

// NewIndexRow returns the row of a user of whom nothing is known but that it is there.
func NewIndexRow(user actors.Key) actors.IndexRow {
	return actors.IndexRow{Key: audience.NewRowMaker(user).UserRow(), Value: []byte{}}
}

// Unindexed returns the change by which the index has nothing of the user.
func (s *State) Unindexed(user actors.Key) []actors.IndexRow {
	rows := []actors.IndexRow{{Key: audience.NewRowMaker(user).UserRow()}}
	return append(rows, difference(s.postings(user), nil)...)
}

// FromIndex returns what a user's row says of the user; nil: nothing is known.
func FromIndex(value []byte) (*State, error) {
	if len(value) == 0 {
		return nil, nil
	}
	if value[0] != rowVersion {
		return nil, fmt.Errorf("a row of the index has version %d, which this program does not know: it is older than the data", value[0])
	}
	c := &actors.ProfileChange{}
	if err := c.UnmarshalVT(value[1:]); err != nil {
		return nil, fmt.Errorf("a row of the index: %w", err)
	}
	return made(c), nil
}

// row returns the state as the user's row holds it.
func (s *State) row() []byte {
	if s.Empty() {
		return []byte{}
	}
	c := s.asChange()
	b := make([]byte, 1+c.SizeVT())
	b[0] = rowVersion
	if _, err := c.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

// asChange returns the change that makes the state of an empty one.
func (s *State) asChange() *actors.ProfileChange {
	return &actors.ProfileChange{Profile: s.Profile(), Preferences: s.Preferences(), Followed: s.Follows(), Joined: s.Lists()}
}

// made returns the state that changes make of an empty one.
func made(changes ...*actors.ProfileChange) *State {
	s := &State{}
	for _, c := range changes {
		s.Apply(&actors.Event{Profile: c})
	}
	return s
}

// postings returns the keys of the user's postings, in their order.
func (s *State) postings(user actors.Key) [][]byte {
	m := audience.NewRowMaker(user)
	p := s.Profile()
	m.Set(audience.Tags, p.GetTags())
	m.Set(audience.Tenants, p.GetTenants())
	m.Set(audience.Follows, s.Follows())
	m.Set(audience.Lists, s.Lists())
	m.Locale(p.GetLocale())
	m.Zone(p.GetZone())
	for _, a := range p.GetAttributes() {
		m.Attribute(a.Name, valueOf(a))
	}
	keys := m.Keys()
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// difference returns what turns one list of keys, which are sorted, into another one.
func difference(old, next [][]byte) (rows []actors.IndexRow) {
	for len(old) > 0 || len(next) > 0 {
		switch order := compareFirst(old, next); {
		case order < 0:
			rows = append(rows, actors.IndexRow{Key: old[0]})
			old = old[1:]
		case order > 0:
			rows = append(rows, actors.IndexRow{Key: next[0], Value: []byte{}})
			next = next[1:]
		default:
			old, next = old[1:], next[1:]
		}
	}
	return rows
}

// compareFirst compares the first keys of two lists, of which one has any.
func compareFirst(a, b [][]byte) int {
	switch {
	case len(b) == 0:
		return -1
	case len(a) == 0:
		return 1
	}
	return bytes.Compare(a[0], b[0])
}
