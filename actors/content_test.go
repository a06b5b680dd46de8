package actors

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"
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
		case protoreflect.MessageKind:
			m.Set(f, m.NewField(f))
		default:
			t.Fatalf("%s is a %v, which this test can't fill", f.FullName(), f.Kind())
		}
	}
}

// TestPatch runs the transcripts in testdata/patch: what an edit makes of a message.
// To take in a wanted change: go test ./actors -run '^TestPatch$' -rewrite, then read
// the diff.
func TestPatch(t *testing.T) {
	datadriven.Walk(t, "testdata/patch", func(t *testing.T, path string) {
		m := &Message{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "message" {
				m = wireMessage(t, d)
				return ""
			}
			before := proto.Clone(m)
			edited, err := Patched(m, []byte(d.Input))
			if !proto.Equal(m, before) {
				t.Fatalf("%s: the old message is changed, which the journal may not have replaced yet", d.Pos)
			}
			if err != nil {
				return fmt.Sprintf("%s %s: %s\n", err.Code, err.Field, err.Detail)
			}
			if d.HasArg("keep") {
				m = edited
			}
			out := fmt.Sprintf("%s %s {%s}", edited.Category, edited.Priority.Word(), edited.Content)
			if edited.ExpiresAt != 0 {
				out += " until " + TimeText(edited.ExpiresAt)
			}
			return out + "\n"
		})
	})
}
