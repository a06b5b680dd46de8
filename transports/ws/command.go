package ws

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
	"reddot/transports/websocket"
)

// A command is one frame from a client.
type command struct {
	kind    string
	id      []byte         // its number as the client wrote it; nil: none
	ask     actors.Command // what the user's actor is asked; nil: nothing
	after   *actors.Cursor // of connect
	topics  []string       // of subscribe and unsubscribe
	message *actors.TopicMessage
	visible bool
}

// A field is a member of a frame, as a bit. Those of frames that mark have the
// bits of transports.MarkFields.
type field uint32

const (
	fieldType field = 1 << (iota + 8)
	fieldID
	fieldAfter
	fieldCursor
	fieldVisible
	fieldTopic
	fieldTopics
	fieldPayload
	fieldBase64
	fieldRetain
	fieldMessage
	fieldAction
	fieldReply

	fieldIDs     = field(transports.MarkIDs)
	fieldsMany   = field(transports.MarkMany)
	fieldsTopics = fieldTopic | fieldTopics
	fieldsAct    = fieldMessage | fieldAction | fieldReply
)

// fieldNames name them, from fieldType on.
var fieldNames = [...]string{"type", "id", "after", "cursor", "visible", "topic", "topics", "payload", "payload_base64", "retain", "message", "action", "reply"}

// fieldOf returns the field of the name; 0 if there is none.
func fieldOf(name jsontext.Text) field {
	switch string(name.Bytes()) {
	case "type":
		return fieldType
	case "id":
		return fieldID
	case "after":
		return fieldAfter
	case "cursor":
		return fieldCursor
	case "visible":
		return fieldVisible
	case "topic":
		return fieldTopic
	case "topics":
		return fieldTopics
	case "payload":
		return fieldPayload
	case "payload_base64":
		return fieldBase64
	case "retain":
		return fieldRetain
	case "message":
		return fieldMessage
	case "action":
		return fieldAction
	case "reply":
		return fieldReply
	}
	return field(transports.MarkField(name))
}

// kinds are the types of frames.
var kinds = map[string]struct {
	fields field // that one may have besides type and id
	marks  bool
	to     actors.Marking
}{
	"connect": {fields: fieldAfter},
	"read":    {fields: fieldsMany, marks: true, to: actors.MarkRead},
	"seen":    {fields: fieldsMany, marks: true, to: actors.MarkSeen},
	"archive": {fields: fieldsMany, marks: true, to: actors.MarkArchived},
	"unread":  {fields: fieldIDs, marks: true, to: actors.MarkUnread},
	"snooze":  {fields: fieldIDs | field(transports.MarkUntil), marks: true, to: actors.MarkSnoozed},
	"act":     {fields: fieldsAct},
	"ack":     {fields: fieldCursor},
	"visible": {fields: fieldVisible},
	"ping":    {},

	"subscribe":   {fields: fieldsTopics},
	"unsubscribe": {fields: fieldsTopics},
	"publish":     {fields: fieldTopic | fieldPayload | fieldBase64 | fieldRetain},
}

// A frame is what a client sent, before it is known what it asks for.
type frame struct {
	transports.FieldReader
	has     field
	at      [32]int // where the value of each field stands
	strange bool    // there is a field that no frame has
	unknown string  // its name
	twice   string  // one that stands twice
}

// scan finds the frame's fields. Whatever it is, it is JSON then.
func (f *frame) scan(text []byte) error {
	f.Reset(text, transports.MaxDepth)
	if !f.Open('{') {
		return invalid("", "a frame is a JSON object")
	}
	for first := true; ; first = false {
		name, more := f.Member(first)
		if !more {
			break
		}
		bit := fieldOf(name)
		switch {
		case bit == 0:
			f.strange, f.unknown = true, transports.ShownField(name.String())
		case bit&f.has != 0:
			f.twice = name.String()
		default:
			f.has |= bit
			f.at[bits.TrailingZeros32(uint32(bit))] = f.At()
		}
		if !f.SkipValue() {
			break
		}
	}
	if f.Bad() || !f.End() {
		return f.Err()
	}
	return nil
}

// seek goes to the value of the field, if the frame has it.
func (f *frame) seek(bit field) bool {
	if f.has&bit == 0 {
		return false
	}
	f.Seek(f.at[bits.TrailingZeros32(uint32(bit))])
	return true
}

// parseCommand reads a frame. The error is an actors.Error; the command then has
// its id, if that could be read.
func parseCommand(text []byte) (c command, err error) {
	var f frame
	if err := f.scan(text); err != nil {
		return c, err
	}
	if f.seek(fieldID) {
		n, ok := f.Int()
		if !ok {
			return c, invalid("id", "an id is a whole number")
		}
		c.id = strconv.AppendInt(nil, n, 10)
	}
	var name jsontext.Text
	if f.seek(fieldType) && f.Peek() == '"' {
		name, _ = f.Text()
	}
	if name.Size == 0 {
		return c, invalid("type", "a frame has a type")
	}
	c.kind = name.String()
	kind, ok := kinds[c.kind]
	foreign := f.has &^ (kind.fields | fieldType | fieldID)
	switch {
	case !ok:
		return c, invalid("type", fmt.Sprintf("there is no frame of type %.32q", c.kind))
	case f.twice != "":
		return c, transports.TwiceField(f.twice)
	case f.strange:
		return c, hasNone(c.kind, f.unknown)
	case foreign != 0:
		return c, hasNone(c.kind, nameOf(foreign))
	case kind.marks:
		m := &actors.Mark{To: kind.to}
		c.ask = m
		return c, f.marks(m, transports.MarkFields(kind.fields))
	case kind.fields == fieldsAct:
		m := &actors.Act{}
		c.ask = m
		return c, f.act(m)
	case kind.fields&(fieldsTopics|fieldPayload) != 0:
		return c, c.setTopics(&f)
	}
	return c, c.set(&f)
}

// hasNone is said of a field that frames of a type do not have.
func hasNone(kind, name string) error {
	return invalid(name, fmt.Sprintf("a frame of type %s has no field %q", kind, name))
}

// nameOf returns the name of the first of the fields.
func nameOf(fields field) string {
	first := fields & -fields
	if first < fieldType {
		return transports.MarkFields(first).Name()
	}
	return fieldNames[bits.TrailingZeros32(uint32(first/fieldType))]
}

// marks reads what a frame marks.
func (f *frame) marks(m *actors.Mark, allow transports.MarkFields) error {
	has := transports.MarkFields(f.has & (fieldType - 1))
	for rest := has; rest != 0; rest &= rest - 1 {
		bit := rest & -rest
		f.seek(field(bit))
		if err := f.MarkField(m, bit); err != nil {
			return err
		}
	}
	return has.Check(allow)
}

// act reads by what a frame answers which message.
func (f *frame) act(m *actors.Act) error {
	if !f.seek(fieldMessage) {
		return invalid("message", "say which message")
	}
	t, err := f.TextField("message", 64)
	if err != nil {
		return err
	}
	if m.ID, err = actors.ParseID(string(t.Bytes())); err != nil {
		return invalid("message", "a message's id looks like 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	if !f.seek(fieldAction) {
		return invalid("action", "say which of the message's actions")
	}
	if err := f.ActionField(m); err != nil || !f.seek(fieldReply) {
		return err
	}
	return f.ReplyField(m)
}

// set reads the fields of the other frames.
func (c *command) set(f *frame) (err error) {
	if f.seek(fieldAfter) {
		c.after, err = f.cursor("after")
	}
	if err == nil && f.seek(fieldCursor) {
		_, err = f.cursor("cursor")
	}
	switch {
	case err != nil || c.kind != "visible":
	case !f.seek(fieldVisible):
		err = invalid("visible", "say whether somebody sees the page: true or false")
	default:
		c.visible, err = f.BoolField("visible")
	}
	return err
}

// cursor reads a cursor of whichever server: one that is not of this one begins
// the stream anew.
func (f *frame) cursor(name string) (*actors.Cursor, error) {
	t, err := f.TextField(name, actors.MaxCursor)
	if err != nil {
		return nil, err
	}
	c, err := transports.ParseAfter(t.Bytes())
	switch {
	case err != nil:
		return nil, transports.WrongField(name, actors.AsError(err).Detail)
	case c == nil:
		return nil, transports.WrongField(name, "it is empty; leave it out instead")
	}
	return c, nil
}

func invalid(field, detail string) error {
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: detail}
}

// appendPublished appends the answer to a message for a topic.
func appendPublished(b, id []byte, took int) []byte {
	text := appendID([]byte(`{"type":"ok"`), id)
	text = strconv.AppendInt(append(text, `,"subscribers":`...), int64(took), 10)
	return websocket.AppendFrame(b, websocket.OpText, append(text, '}'))
}

// appendOK appends the answer to a frame that was carried out. a may be nil.
func appendOK(b, id []byte, a *actors.Answer) []byte {
	text := appendID([]byte(`{"type":"ok"`), id)
	if a != nil {
		text = append(append(text, `,"counts":`...), a.Counts...)
		text = append(a.Cursor.Append(append(text, `,"cursor":"`...)), '"')
		for i, u := range a.Unknown {
			if i == 0 {
				text = append(text, `,"unknown":[`...)
			} else {
				text = append(text, ',')
			}
			text = append(u.Append(append(text, '"')), '"')
		}
		if len(a.Unknown) > 0 {
			text = append(text, ']')
		}
	}
	return websocket.AppendFrame(b, websocket.OpText, append(text, '}'))
}

// failure is the answer to a frame that was not carried out.
type failure struct {
	Code       actors.Code `json:"code"`
	Detail     string      `json:"detail,omitempty"`
	Field      string      `json:"field,omitempty"`
	RetryAfter int         `json:"retry_after,omitempty"` // seconds
}

// appendError appends the answer to a frame that was not carried out.
func appendError(b, id []byte, e *actors.Error) []byte {
	text := appendID([]byte(`{"type":"error"`), id)
	rest, err := json.Marshal(failure{e.Code, e.Detail, e.Field, int((e.RetryAfter + time.Second - 1) / time.Second)})
	if err != nil {
		rest = []byte(`{"code":"internal"}`) // a struct of strings and a number cannot fail
	}
	text = append(append(text, ','), rest[1:]...)
	return websocket.AppendFrame(b, websocket.OpText, text)
}

func appendID(b, id []byte) []byte {
	if id == nil {
		return b
	}
	return append(append(b, `,"id":`...), id...)
}
