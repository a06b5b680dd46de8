package ws

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/websocket"
)

// maxIDs is the most messages of one frame.
const maxIDs = 1000

// maxCategory is the longest category, in bytes.
const maxCategory = 64

// A command is one frame from a client.
type command struct {
	kind     string
	id       []byte // its number as the client wrote it; nil: none
	ids      []actors.ID
	upTo     *actors.Cursor
	all      bool
	category string
	until    int64 // unix milliseconds
	after    *actors.Cursor
	topics   []string // of subscribe and unsubscribe
	message  *actors.TopicMessage
	text     []byte // the whole frame, while it is read
}

// fields are what the frames of each type may have besides type and id.
var fields = map[string][]string{
	"connect": {"after"},
	"read":    {"ids", "up_to", "all", "category"},
	"seen":    {"ids", "up_to", "all", "category"},
	"archive": {"ids", "up_to", "all", "category"},
	"unread":  {"ids"},
	"snooze":  {"ids", "until"},
	"ack":     {"cursor"},
	"visible": {"visible"},
	"ping":    {},

	"subscribe":   {"topic", "topics"},
	"unsubscribe": {"topic", "topics"},
	"publish":     {"topic", "payload", "payload_base64", "retain"},
}

// markings are the types that change messages.
var markings = map[string]actors.Marking{
	"read": actors.MarkRead, "seen": actors.MarkSeen, "unread": actors.MarkUnread,
	"archive": actors.MarkArchived, "snooze": actors.MarkSnoozed,
}

// parseCommand reads a frame. The error is an actors.Error with Invalid; the
// command then has its id, if that could be read.
func parseCommand(p *fastjson.Parser, text []byte) (command, error) {
	var c command
	v, err := p.ParseBytes(text)
	if err != nil || v.Type() != fastjson.TypeObject {
		return c, invalid("", "a frame is a JSON object")
	}
	o := v.GetObject()
	if c.id, err = parseNumber(o.Get("id")); err != nil {
		return c, err
	}
	if c.kind = string(v.GetStringBytes("type")); c.kind == "" {
		return c, invalid("type", "a frame has a type")
	}
	allowed, ok := fields[c.kind]
	if !ok {
		return c, invalid("type", fmt.Sprintf("there is no frame of type %.32q", c.kind))
	}
	if c.kind == "publish" {
		c.message, c.text = &actors.TopicMessage{}, text
	}
	o.Visit(func(key []byte, v *fastjson.Value) {
		name := string(key)
		switch {
		case err != nil || name == "type" || name == "id":
		case !contains(allowed, name):
			err = invalid("", fmt.Sprintf("a frame of type %s has no field %.32q", c.kind, name))
		default:
			err = c.set(name, v)
		}
	})
	if c.text = nil; err == nil {
		err = c.check()
	}
	return c, err
}

func contains(list []string, s string) bool {
	for _, t := range list {
		if t == s {
			return true
		}
	}
	return false
}

// parseNumber reads a frame's number, which may be missing.
func parseNumber(v *fastjson.Value) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	if n, err := v.Int64(); err == nil {
		return strconv.AppendInt(nil, n, 10), nil
	}
	return nil, invalid("id", "an id is a whole number")
}

// set reads one field.
func (c *command) set(name string, v *fastjson.Value) (err error) {
	switch name {
	case "ids":
		c.ids, err = parseIDs(v)
	case "up_to":
		c.upTo, err = parseCursor(name, v)
	case "after":
		c.after, err = parseCursor(name, v)
	case "cursor":
		_, err = parseCursor(name, v)
	case "all":
		if c.all, err = v.Bool(); err != nil || !c.all {
			err = invalid(name, "all is true, or left out")
		}
	case "visible":
		if _, err = v.Bool(); err != nil {
			err = invalid(name, "visible is true or false")
		}
	case "category":
		c.category, err = parseCategory(v)
	case "until":
		c.until, err = parseTime(name, v)
	case "topic", "topics", "payload", "payload_base64", "retain":
		err = c.setTopic(name, v)
	}
	return err
}

// check tells whether the fields fit together.
func (c *command) check() error {
	if _, ok := markings[c.kind]; !ok {
		return c.checkTopic()
	}
	targets := 0
	for _, given := range []bool{c.ids != nil, c.upTo != nil, c.all} {
		if given {
			targets++
		}
	}
	switch {
	case targets != 1 && len(fields[c.kind]) > 2:
		return invalid("", "give one of ids, up_to and all")
	case targets != 1:
		return invalid("ids", "give ids")
	case c.kind == "snooze" && c.until == 0:
		return invalid("until", "give the time until which to snooze")
	}
	return nil
}

func parseIDs(v *fastjson.Value) ([]actors.ID, error) {
	list, err := v.Array()
	if err != nil || len(list) == 0 || len(list) > maxIDs {
		return nil, invalid("ids", fmt.Sprintf("ids is a list of 1 to %d message ids", maxIDs))
	}
	ids := make([]actors.ID, len(list))
	for i, e := range list {
		text, err := e.StringBytes()
		if err != nil {
			return nil, invalid("ids", "an id is a string")
		}
		if ids[i], err = actors.ParseID(string(text)); err != nil {
			return nil, &actors.Error{Code: actors.Invalid, Field: "ids", Detail: fmt.Sprintf("%.64q is no message id", text), Cause: err}
		}
	}
	return ids, nil
}

func parseCursor(field string, v *fastjson.Value) (*actors.Cursor, error) {
	text, err := v.StringBytes()
	if err != nil || len(text) == 0 {
		return nil, invalid(field, "a cursor is a string")
	}
	c, err := transports.ParseAfter(text)
	if err != nil {
		return nil, invalid(field, actors.AsError(err).Detail)
	}
	return c, nil
}

func parseCategory(v *fastjson.Value) (string, error) {
	text, err := v.StringBytes()
	ok := err == nil && len(text) > 0 && len(text) <= maxCategory
	for i := 0; ok && i < len(text); i++ {
		c := text[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == ':' || c == '-'
	}
	if !ok {
		return "", invalid("category", fmt.Sprintf("a category has 1 to %d bytes of A-Z a-z 0-9 . _ : -", maxCategory))
	}
	return string(text), nil
}

func parseTime(field string, v *fastjson.Value) (int64, error) {
	text, err := v.StringBytes()
	if err == nil {
		if t, ok := actors.ParseTime(text); ok && t.UnixMilli() > 0 {
			return t.UnixMilli(), nil
		}
	}
	return 0, invalid(field, "it must be a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z")
}

func invalid(field, detail string) error {
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: detail}
}

// mark returns what the user's actor is asked, or nil if the frame is none of
// its business.
func (c *command) mark() *actors.Mark {
	to, ok := markings[c.kind]
	if !ok {
		return nil
	}
	return &actors.Mark{To: to, IDs: c.ids, UpTo: c.upTo, Category: c.category, Until: c.until}
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
