package transports

import (
	"fmt"

	"reddot/actors"
	"reddot/transports/jsontext"
)

// MaxDepth is how deep a value may nest within a command.
const MaxDepth = 64

// The longest labels, in bytes.
const (
	MaxCategory = 64
	MaxTenant   = 64
)

// A FieldReader reads the fields of an object that comes from outside, by
// whichever transport, and says by name what is wrong with one. Its errors are each
// an actors.Error.
type FieldReader struct {
	jsontext.Scanner
	scratch []byte // a decoded string
}

// Forget lets go of the source.
func (r *FieldReader) Forget() { r.Scanner = jsontext.Scanner{} }

// TextField reads a string of at most limit bytes.
func (r *FieldReader) TextField(name string, limit int) (jsontext.Text, error) {
	if r.Peek() != '"' {
		return jsontext.Text{}, r.NotA(name, "a string")
	}
	t, ok := r.Text()
	if !ok {
		return jsontext.Text{}, r.Err()
	}
	if t.Size > limit {
		return jsontext.Text{}, LargeField(name, limit)
	}
	return t, nil
}

// StringField reads a string of at most limit bytes, which may be empty.
func (r *FieldReader) StringField(name string, limit int) (string, error) {
	t, err := r.TextField(name, limit)
	return t.String(), err
}

// NotA says that the field has the wrong type; where no value stands at all,
// that this is no JSON.
func (r *FieldReader) NotA(name, want string) error {
	if !r.SkipValue() {
		return r.Err()
	}
	return WrongField(name, "it must be "+want)
}

// BoolField reads true or false.
func (r *FieldReader) BoolField(name string) (bool, error) {
	if r.Word("true") {
		return true, nil
	}
	if r.Word("false") {
		return false, nil
	}
	return false, r.NotA(name, "true or false")
}

// LabelField reads a string of 1 to limit bytes that a category or a tenant may be made of.
func (r *FieldReader) LabelField(name string, limit int) (string, error) {
	t, err := r.TextField(name, limit)
	if err != nil {
		return "", err
	}
	r.scratch = t.AppendTo(r.scratch[:0])
	if !IsLabel(r.scratch) {
		return "", WrongField(name, fmt.Sprintf("it must be 1 to %d characters of A-Z a-z 0-9 . _ : -", limit))
	}
	return string(r.scratch), nil
}

// LabelParam reads a query parameter that is a label of at most limit bytes; an empty
// one is as none.
func LabelParam(name string, v []byte, limit int) (string, error) {
	if len(v) > 0 && (len(v) > limit || !IsLabel(v)) {
		return "", WrongField(name, fmt.Sprintf("it must be 1 to %d characters of A-Z a-z 0-9 . _ : -", limit))
	}
	return string(v), nil
}

// IsLabel tells whether b is made of what a category or a tenant may be made of.
func IsLabel(b []byte) bool {
	for _, c := range b {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == ':' || c == '-') {
			return false
		}
	}
	return len(b) > 0
}

// TimeField reads a time (RFC 3339) behind the given one; both are unix
// milliseconds.
func (r *FieldReader) TimeField(name string, behind int64) (int64, error) {
	t, err := r.TextField(name, 64)
	if err != nil {
		return 0, err
	}
	r.scratch = t.AppendTo(r.scratch[:0])
	at, ok := actors.ParseTime(r.scratch)
	if !ok {
		return 0, WrongField(name, "it must be a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z")
	}
	ms := at.UnixMilli()
	if ms <= behind || ms <= 0 {
		return 0, WrongField(name, "it is past")
	}
	return ms, nil
}

// URLField reads a string of at most limit bytes, as actors.URLFault has no fault in it.
func (r *FieldReader) URLField(name string, limit int) (t jsontext.Text, err error) {
	if t, err = r.TextField(name, limit); err != nil {
		return t, err
	}
	r.scratch = t.AppendTo(r.scratch[:0])
	if fault := actors.URLFault(string(r.scratch)); fault != "" {
		return t, WrongField(name, fault)
	}
	return t, nil
}

// WrongField is what is said of a field that breaks a rule.
func WrongField(name, detail string) error {
	return &actors.Error{Code: actors.Invalid, Field: name, Detail: name + ": " + detail}
}

// LargeField is what is said of a field that is too long.
func LargeField(name string, limit int) error {
	return &actors.Error{Code: actors.TooLarge, Field: name, Detail: fmt.Sprintf("%s: at most %d bytes are allowed", name, limit)}
}

// TwiceField is what is said of a field that stands twice.
func TwiceField(name string) error { return WrongField(name, "the field stands twice") }

// ShownField returns a member's name as an error repeats it.
func ShownField(name string) string {
	if len(name) <= 64 {
		return name
	}
	n := 64
	for n > 0 && name[n]&0xc0 == 0x80 {
		n--
	}
	return name[:n]
}
