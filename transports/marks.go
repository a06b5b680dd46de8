package transports

import (
	"fmt"
	"math/bits"

	"reddot/actors"
	"reddot/transports/jsontext"
)

// MaxMarkIDs is the most messages that one command marks by their ids.
const MaxMarkIDs = 1000

// MarkFields are fields of a command that marks messages, as a set.
type MarkFields uint8

// The fields that such a command may have.
const (
	MarkIDs MarkFields = 1 << iota
	MarkUpTo
	MarkAll
	MarkCategory
	MarkTenant
	MarkUntil

	// MarkMany are those of a command that may name many messages.
	MarkMany = markWhat | MarkCategory | MarkTenant

	markWhat = MarkIDs | MarkUpTo | MarkAll
)

// markNames name them, in the order of their bits.
var markNames = [...]string{"ids", "up_to", "all", "category", "tenant", "until"}

// MarkField returns the field of the name; 0 if there is none.
func MarkField(name jsontext.Text) MarkFields {
	for i, n := range markNames {
		if name.Is(n) {
			return 1 << i
		}
	}
	return 0
}

// Name returns the name of a field.
func (has MarkFields) Name() string { return markNames[bits.TrailingZeros8(uint8(has))] }

// Check tells whether the fields which stand in a command that marks fit
// together, where those of allow may.
func (has MarkFields) Check(allow MarkFields) error {
	what := has & markWhat
	switch {
	case allow&markWhat == 0:
	case what == 0 && allow&markWhat == MarkIDs:
		return WrongField("ids", "say which messages")
	case what == 0:
		return WrongField("ids", "say which messages: give one of ids, up_to, all")
	case what&(what-1) != 0:
		return WrongField("ids", "give one of ids, up_to, all, and not two")
	}
	if allow&MarkUntil != 0 && has&MarkUntil == 0 {
		return WrongField("until", "it is missing: say until when")
	}
	return nil
}

// Mark reads an object of those fields into m. allow says which may stand in it.
func (r *FieldReader) Mark(src []byte, m *actors.Mark, allow MarkFields) error {
	r.Reset(src, MaxDepth+1)
	if !r.Take('{', "no object") {
		return r.Err()
	}
	r.Seek(0)
	if !r.SkipValue() || !r.End() {
		return r.Err() // before anything that is wrong with a field
	}
	r.Seek(0)
	r.Open('{')
	var has MarkFields
	for first := true; ; first = false {
		name, more := r.Member(first)
		if !more {
			break
		}
		f := MarkField(name)
		switch {
		case f&allow == 0:
			return WrongField(ShownField(name.String()), "there is no such field here")
		case f&has != 0:
			return TwiceField(name.String())
		}
		has |= f
		if err := r.MarkField(m, f); err != nil {
			return err
		}
	}
	return has.Check(allow)
}

// MarkField reads the value of one field into m.
func (r *FieldReader) MarkField(m *actors.Mark, f MarkFields) (err error) {
	switch f {
	case MarkIDs:
		m.IDs, err = r.markIDs()
	case MarkUpTo:
		m.UpTo, err = r.CursorField("up_to")
	case MarkAll:
		if !r.Word("true") {
			err = r.NotA("all", "true, or left out")
		}
	case MarkCategory:
		m.Category, err = r.LabelField("category", MaxCategory)
	case MarkTenant:
		m.Tenant, err = r.LabelField("tenant", MaxTenant)
	case MarkUntil:
		m.Until, err = r.TimeField("until", 0)
	}
	return err
}

// CursorField reads a cursor that this server gave out.
func (r *FieldReader) CursorField(name string) (*actors.Cursor, error) {
	t, err := r.TextField(name, actors.MaxCursor)
	if err != nil {
		return nil, err
	}
	cursor, err := actors.ParseCursor(string(t.Bytes()))
	if err != nil {
		return nil, WrongField(name, actors.AsError(err).Detail)
	}
	return &cursor, nil
}

// markIDs reads an array of ids.
func (r *FieldReader) markIDs() ([]actors.ID, error) {
	if !r.Open('[') {
		return nil, r.NotA("ids", "an array of message ids")
	}
	ids := make([]actors.ID, 0, 1)
	for first := true; r.Item(first); first = false {
		t, err := r.TextField("ids", 64)
		if err != nil {
			return nil, err
		}
		id, err := actors.ParseID(string(t.Bytes()))
		if err != nil {
			return nil, WrongField("ids", "a message's id looks like 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
		}
		if len(ids) == MaxMarkIDs {
			return nil, WrongField("ids", fmt.Sprintf("at most %d ids fit in one request", MaxMarkIDs))
		}
		ids = append(ids, id)
	}
	switch {
	case r.Bad():
		return nil, r.Err()
	case len(ids) == 0:
		return nil, WrongField("ids", "it is empty")
	}
	return ids, nil
}
