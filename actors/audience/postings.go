package audience

import "strings"

// Postings is an index of the profiles of one app: for each value of a field, the
// users who have it. The users of every lookup come in the same order, that of the
// bytes of their names in the index.
type Postings interface {
	// Estimate returns about how many users the lookup finds. Only the speed hangs
	// on it.
	Estimate(l Lookup) (int, error)
	// Users puts the first users at or behind from, each once, into the page, and
	// returns how many: fewer than there is room for are the last.
	Users(l Lookup, from string, page []string) (int, error)
}

// The fields of the index beside attributeField. setNames are fields, too.
const (
	localeField    = "locale"
	zoneField      = "zone"
	attributeNames = "attributes" // the names of the attributes that a user has
)

// attributeField returns the field of an attribute.
func attributeField(name string) string { return attributeNames + "." + name }

// A Lookup asks for the users who have a value within a range in a field. The zero
// one asks for all users.
type Lookup struct {
	Field  string
	Listed bool // the value is an item of a list; else it is the whole value
	Kind   Kind // of the value

	Low, High           Value // the ends; Absent: there is none
	AboveLow, BelowHigh bool  // the end itself is not meant
}

// one asks for a single value.
func one(field string, v Value) Lookup { return Lookup{Field: field, Kind: v.Kind, Low: v, High: v} }

// InSet asks for the users of whose set a name is.
func InSet(set Set, name string) Lookup {
	return one(setNames[set], Value{Kind: Text, Text: name})
}

// startingWith asks for the strings that begin so.
func startingWith(field, prefix string) Lookup {
	l := Lookup{Field: field, Kind: Text}
	if prefix == "" {
		return l
	}
	l.Low = Value{Kind: Text, Text: prefix}
	end := []byte(prefix) // its last byte is below 0xff, as in all UTF-8
	end[len(end)-1]++
	l.High, l.BelowHigh = Value{Kind: Text, Text: string(end)}, true
	return l
}

// Has tells whether the lookup finds who has the value.
func (l *Lookup) Has(v *Value) bool {
	if v.Kind != l.Kind {
		return false
	}
	if order, ok := v.compare(&l.Low); l.Low.Kind != Absent && (!ok || order < 0 || order == 0 && l.AboveLow) {
		return false
	}
	order, ok := v.compare(&l.High)
	return l.High.Kind == Absent || ok && (order < 0 || order == 0 && !l.BelowHigh)
}

// Finds tells whether the lookup finds the subject by a field that has one value.
func (l *Lookup) Finds(s Subject) bool {
	var v Value
	switch name, ok := strings.CutPrefix(l.Field, attributeField("")); {
	case ok && !l.Listed:
		v = s.Attribute(name)
	case l.Field == localeField:
		v = known(s.Locale())
	case l.Field == zoneField:
		v = known(s.Zone())
	}
	return v.Kind != Absent && l.Has(&v)
}

// narrow leaves of a lookup whom the other finds as well, if one lookup can say that:
// where a user has one value, or none.
func (l *Lookup) narrow(by *Lookup) bool {
	if l.Field != by.Field || l.Kind != by.Kind || !l.isSingle() || !by.isSingle() {
		return false
	}
	if order, ok := by.Low.compare(&l.Low); by.Low.Kind != Absent && (!ok || order > 0 || order == 0 && by.AboveLow) {
		l.Low, l.AboveLow = by.Low, by.AboveLow
	}
	if order, ok := by.High.compare(&l.High); by.High.Kind != Absent && (!ok || order < 0 || order == 0 && by.BelowHigh) {
		l.High, l.BelowHigh = by.High, by.BelowHigh
	}
	return true
}

// isSingle tells whether a user has at most one value there.
func (l *Lookup) isSingle() bool {
	_, isSet := setNamed(l.Field)
	return !l.Listed && !isSet && l.Field != attributeNames
}
