package transports

import (
	"fmt"
	"slices"
)

// Whole reads a body that is an object: what is no JSON comes before anything that
// is wrong with a field.
func (r *FieldReader) Whole(src []byte, each func(name string) error) error {
	r.Reset(src, MaxDepth)
	if !r.SkipValue() || !r.End() {
		return r.Err()
	}
	r.Seek(0)
	return r.Object(whole, each)
}

// Object reads an object, and each of its members by each, which is called with the
// name. No name stands twice.
func (r *FieldReader) Object(field string, each func(name string) error) error {
	s := &r.Scanner
	if !s.Open('{') {
		return r.NotA(field, "an object")
	}
	var seen []string
	for first := true; ; first = false {
		t, more := s.Member(first)
		if !more {
			break
		}
		if t.Size > maxMember {
			return WrongField(within(field, ShownField(t.String())), "there is no such field")
		}
		name := t.String()
		if slices.Contains(seen, name) {
			return TwiceField(within(field, ShownField(name)))
		}
		if len(seen) == maxMembers {
			return WrongField(field, fmt.Sprintf("it has more than %d members", maxMembers))
		}
		seen = append(seen, name)
		if err := each(name); err != nil {
			return err
		}
	}
	if s.Bad() {
		return s.Err()
	}
	return nil
}

// The bounds of an object of which each member is looked at: the length of a name
// and the number of members.
const (
	maxMember  = 256
	maxMembers = 256
)

// WordsField reads an array of at most most strings of 1 to size bytes each.
func (r *FieldReader) WordsField(field string, most, size int) (list []string, err error) {
	s := &r.Scanner
	if !s.Open('[') {
		return nil, r.NotA(field, "an array of strings")
	}
	for first := true; s.Item(first); first = false {
		if len(list) == most {
			return nil, WrongField(field, fmt.Sprintf("there are at most %d", most))
		}
		text, err := r.WordField(field, size)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	if s.Bad() {
		return nil, s.Err()
	}
	return list, nil
}

// WordField reads a string of 1 to limit bytes.
func (r *FieldReader) WordField(field string, limit int) (string, error) {
	t, err := r.TextField(field, limit)
	if err == nil && t.Size == 0 {
		err = WrongField(field, "it is empty")
	}
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// whole is what an error calls the whole body.
const whole = "body"

// within names a member of a field; a member of the whole has its own name.
func within(field, member string) string {
	if field == whole {
		return member
	}
	return field + "." + member
}
