package audience

import (
	"cmp"
	"math"
	"slices"
)

// A Subject is what an expression is matched with: the profile of one user.
type Subject interface {
	// Has tells whether the set has the name.
	Has(set Set, name string) bool
	// Attribute returns the attribute; Absent: there is none.
	Attribute(name string) Value
	// Locale returns the language as BCP 47 has it; empty: it is not known.
	Locale() string
	// Zone returns the name of the IANA time zone; empty: it is not known.
	Zone() string
}

// A Set is one of the sets of names that a profile has.
type Set uint8

// The sets.
const (
	Tags Set = iota
	Tenants
	Follows // topics
	Lists   // of the app
	numSets = iota
)

// setNames are as expressions write them.
var setNames = [numSets]string{"tags", "tenants", "follows", "lists"}

// A Kind is the type of a value.
type Kind uint8

// The kinds.
const (
	Absent Kind = iota // no value
	Text
	Number
	Bool
	Time
	List
)

// kindNames are for people.
var kindNames = [...]string{"nothing", "a string", "a number", "a bool", "a time", "a list"}

// A Value is an attribute's, or a constant.
type Value struct {
	Kind    Kind
	True    bool      // of a Bool
	Text    string    // of a Text
	Number  float64   // of a Number
	Time    int64     // of a Time: milliseconds since 1970
	Texts   []string  // of a List: its strings
	Numbers []float64 // of a List: its numbers
}

// compare returns the order of two values of the same kind: negative, 0 or positive.
// Without an order, as with Absent, ok is false.
func (v *Value) compare(w *Value) (order int, ok bool) {
	if v.Kind != w.Kind {
		return 0, false
	}
	switch v.Kind {
	case Text:
		return cmp.Compare(v.Text, w.Text), true
	case Number: // NaN equals nothing
		return cmp.Compare(v.Number, w.Number), !math.IsNaN(v.Number) && !math.IsNaN(w.Number)
	case Time:
		return cmp.Compare(v.Time, w.Time), true
	case Bool: // false is below true, for indexes; expressions do not order them
		return cmp.Compare(bit(v.True), bit(w.True)), true
	default:
		return 0, false
	}
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// has tells whether the value is a list with the item.
func (v *Value) has(item *Value) bool {
	if v.Kind != List {
		return false
	}
	switch item.Kind {
	case Text:
		return slices.Contains(v.Texts, item.Text)
	case Number:
		return slices.Contains(v.Numbers, item.Number)
	default:
		return false
	}
}
