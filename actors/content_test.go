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
		case protoreflect.Uint64Kind:
			m.Set(f, protoreflect.ValueOfUint64(7))
		case protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(1))
		case protoreflect.MessageKind:
			if v := m.NewField(f); f.IsList() {
				v.List().Append(v.List().NewElement())
				m.Set(f, v)
			} else {
				m.Set(f, v)
			}
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

// TestIn: a message is said in the nearest locale, and has no other with it any more.
func TestIn(t *testing.T) {
	m := &Message{Content: []byte(`"title":"Hi"`), Template: "hello", TemplateVersion: 3, Variants: []*Variant{{Locale: "zh", Content: []byte(`"title":"zh"`)}, {Locale: "zh-Hant", Content: []byte(`"title":"Hant"`)}}}
	for locale, want := range map[string]string{"": "Hi", "en": "Hi", "zh": "zh", "zh-CN": "zh", "ZH-hant-HK": "Hant", "zh-Hant": "Hant", "zhx": "Hi", "-": "Hi", "zh-": "zh"} {
		got := m.In(locale)
		if string(got.Content) != `"title":"`+want+`"` || got.Variants != nil || got.Template != "hello" || got.TemplateVersion != 3 {
			t.Errorf("%q: got %v, want %s", locale, got, want)
		}
	}
	if plain := (&Message{Content: []byte(`"title":"x"`)}); plain.In("zh") != plain {
		t.Error("a message without variants is copied")
	}
	edited, err := Patched(m, []byte(`{"body":"new"}`))
	if err != nil || string(edited.In("zh").Content) != `"title":"zh","body":"new"` || string(m.Variants[0].Content) != `"title":"zh"` {
		t.Errorf("got %v, %v", edited, err)
	}
}
