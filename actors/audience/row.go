package audience

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"

	"reddot/actors"
)

// The keys of the index's rows. On disk: a change needs the index made anew.
//
//	user row  'u' app 0x00 name                      what is known of the user
//	posting   'p' app 0x00 field 0x00 value name     nothing: the user has the value
//
// A name is the user's shard (2 bytes) and name, so that a part of a posting is a fair
// sample of it. A value is a byte for its kind, another one for an item of a list, and
// bytes in the order of the values: a text ends with 0x00 0x01, and a zero byte in it is
// 0x00 0xff; a field escapes its own so.
const (
	userRow    = 'u'
	postingRow = 'p'
)

// valueKinds are the bytes of the kinds; those of items are 'A' - 'a' away.
var valueKinds = [...]byte{Text: 's', Number: 'n', Bool: 'b', Time: 't'}

// Name returns how the user is named in the index: names are in the order of the index.
func Name(app, user string) string {
	return string(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(user)), actors.ShardOf(actors.UserKey(app, user)))) + user
}

// UserOf returns the user of a Name.
func UserOf(name string) string { return name[2:] }

// UserRow returns the key of the row that holds what is known of the user.
func UserRow(app, name string) []byte { return append(appendApp(nil, userRow, app), name...) }

// UserRows returns between which keys the user rows of an app are.
func UserRows(app string) (from, below []byte) {
	from = appendApp(nil, userRow, app)
	below = append([]byte{}, from...)
	below[len(below)-1]++
	return from, below
}

func appendApp(b []byte, row byte, app string) []byte {
	return append(append(append(b, row), app...), 0)
}

// A RowMaker makes the keys of a user's postings.
type RowMaker struct {
	app, name string
	keys      [][]byte
}

// NewRowMaker returns one for the user.
func NewRowMaker(user actors.Key) *RowMaker {
	app := user.App()
	return &RowMaker{app: app, name: Name(app, user.Name())}
}

// UserRow returns the key of the user's own row.
func (r *RowMaker) UserRow() []byte { return UserRow(r.app, r.name) }

// Keys returns the keys made so far.
func (r *RowMaker) Keys() [][]byte { return r.keys }

// Set adds a posting for each name of a set.
func (r *RowMaker) Set(set Set, names []string) {
	for _, n := range names {
		r.add(setNames[set], &Value{Kind: Text, Text: shortened(n)}, false)
	}
}

// Attribute adds the postings of an attribute.
func (r *RowMaker) Attribute(name string, v Value) {
	r.add(attributeNames, &Value{Kind: Text, Text: name}, false)
	field := attributeField(name)
	if v.Kind != List {
		r.add(field, &v, false)
	}
	for _, s := range v.Texts {
		r.add(field, &Value{Kind: Text, Text: s}, true)
	}
	for _, n := range v.Numbers {
		r.add(field, &Value{Kind: Number, Number: n}, true)
	}
}

// Locale adds the posting of the locale, and Zone that of the zone; empty ones have none.
func (r *RowMaker) Locale(locale string) { r.known(localeField, locale) }

// Zone is as Locale.
func (r *RowMaker) Zone(zone string) { r.known(zoneField, zone) }

func (r *RowMaker) known(field, text string) {
	if text != "" {
		r.add(field, &Value{Kind: Text, Text: text}, false)
	}
}

func (r *RowMaker) add(field string, v *Value, listed bool) {
	k := make([]byte, 0, len(r.app)+len(field)+len(v.Text)+len(r.name)+16)
	k = appendValue(appendField(k, r.app, field), v, listed)
	r.keys = append(r.keys, append(k, r.name...))
}

func appendField(b []byte, app, field string) []byte {
	return appendText(appendApp(b, postingRow, app), field)
}

// appendText appends a text in the order of texts, with its end.
func appendText(b []byte, text string) []byte {
	for {
		i := strings.IndexByte(text, 0)
		if i < 0 {
			return append(append(b, text...), 0, 1)
		}
		b = append(append(b, text[:i]...), 0, 0xff)
		text = text[i+1:]
	}
}

func appendKind(b []byte, k Kind, listed bool) []byte {
	kind := valueKinds[k]
	if listed {
		kind -= 'a' - 'A'
	}
	return append(b, kind)
}

// appendValue appends a value in the order that Lookup.Has knows.
func appendValue(b []byte, v *Value, listed bool) []byte {
	b = appendKind(b, v.Kind, listed)
	switch v.Kind {
	case Text:
		return appendText(b, v.Text)
	case Number:
		bits := math.Float64bits(v.Number + 0) // -0 becomes 0
		if bits>>63 != 0 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return binary.BigEndian.AppendUint64(b, bits)
	case Time:
		return binary.BigEndian.AppendUint64(b, uint64(v.Time)^1<<63)
	default:
		return append(b, byte(bit(v.True)))
	}
}

// afterNames is above the first byte of every name.
const afterNames = 0xff

// A Span is where in the index the postings of a lookup are.
type Span struct {
	From, Below []byte // keys; the latter is none of them
	value       int    // where in a key the value begins
	kind        Kind
}

// Span returns where the postings of the lookup are, in the app; false: there can be
// none. The zero lookup has none either: UserRows are whom it finds.
func (l *Lookup) Span(app string) (s Span, ok bool) {
	if l.Kind == Absent || l.Kind == List || math.IsNaN(l.Low.Number) || math.IsNaN(l.High.Number) {
		return s, false
	}
	field := appendField(nil, app, l.Field)
	s.value, s.kind = len(field)+1, l.Kind
	s.From = appendKind(append([]byte{}, field...), l.Kind, l.Listed)
	s.Below = append([]byte{}, s.From...)
	s.Below[len(s.Below)-1]++
	if l.Low.Kind != Absent {
		if s.From = l.appendEnd(append([]byte{}, field...), l.Low); l.AboveLow {
			s.From = append(s.From, afterNames)
		}
	}
	if l.High.Kind != Absent {
		if s.Below = l.appendEnd(append([]byte{}, field...), l.High); !l.BelowHigh {
			s.Below = append(s.Below, afterNames)
		}
	}
	return s, string(s.From) < string(s.Below)
}

func (l *Lookup) appendEnd(b []byte, v Value) []byte {
	if _, isSet := setNamed(l.Field); isSet {
		v.Text = shortened(v.Text)
	}
	return appendValue(b, &v, l.Listed)
}

// IsOne tells whether the lookup asks for one value: then the postings are in the order
// of their names.
func (l *Lookup) IsOne() bool {
	order, ok := l.Low.compare(&l.High)
	return l.Low.Kind == l.Kind && ok && order == 0 && !l.AboveLow && !l.BelowHigh
}

// Name returns the name in the key of a posting; an empty one: it is no such key.
func (s *Span) Name(key []byte) string {
	at := s.value
	switch s.kind {
	case Text:
		for at+1 < len(key) && (key[at] != 0 || key[at+1] != 1) {
			at++
		}
		at += 2
	case Bool:
		at++
	default:
		at += 8
	}
	if at+2 >= len(key) {
		return ""
	}
	return string(key[at:])
}

// maxKeyText is how many bytes of a text a key has at most: as many as an attribute
// may have. Topics, which are looked up as they are alone, may be longer.
const maxKeyText = 1024

// shortened returns a text that stands for a long one.
func shortened(text string) string {
	if len(text) <= maxKeyText {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return text[:maxKeyText-len(sum)] + string(sum[:])
}
