package actors

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestCopies holds that a copy has all fields of the message, also one that a field
// was added to.
func TestCopies(t *testing.T) {
	for _, c := range []struct {
		full proto.Message
		copy func(proto.Message) proto.Message
	}{
		{&Message{}, func(m proto.Message) proto.Message { return m.(*Message).Copy() }},
		{&TopicMessage{}, func(m proto.Message) proto.Message { return m.(*TopicMessage).Copy() }},
	} {
		fill(t, c.full.ProtoReflect())
		if got := c.copy(c.full); !proto.Equal(got, c.full) {
			t.Errorf("%T: the copy of %v is %v", c.full, c.full, got)
		}
	}
}

// fill sets every field.
func fill(t *testing.T, m protoreflect.Message) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch f.Kind() {
		case protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString("x"))
		case protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte("x")))
		case protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(true))
		case protoreflect.Int64Kind:
			m.Set(f, protoreflect.ValueOfInt64(7))
		case protoreflect.Uint32Kind:
			m.Set(f, protoreflect.ValueOfUint32(7))
		case protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(1))
		default:
			t.Fatalf("%s is a %v, which this test can't fill", f.FullName(), f.Kind())
		}
	}
}
