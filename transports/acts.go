package transports

import (
	"fmt"
	"slices"

	"reddot/actors"
	"reddot/transports/jsontext"
)

// maxAction is the longest id of a message's action, in bytes.
const maxAction = 64

// Act reads an object with an action and a reply into m.
func (r *FieldReader) Act(src []byte, m *actors.Act) error {
	r.Reset(src, MaxDepth)
	if !r.Take('{', "no object") {
		return r.Err()
	}
	var has [2]bool
	for first := true; ; first = false {
		name, more := r.Member(first)
		if !more {
			break
		}
		i, err := 0, error(nil)
		switch {
		case name.Is("action"):
		case name.Is("reply"):
			i = 1
		default:
			return WrongField(ShownField(name.String()), "there is no such field here")
		}
		if has[i] {
			return TwiceField(name.String())
		}
		has[i] = true
		if i == 0 {
			err = r.ActionField(m)
		} else {
			err = r.ReplyField(m)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case r.Bad() || !r.End():
		return r.Err()
	case !has[0]:
		return WrongField("action", "it is missing: say which of the message's actions")
	}
	return nil
}

// ActionField reads the id of an action.
func (r *FieldReader) ActionField(m *actors.Act) (err error) {
	m.Action, err = r.LabelField("action", maxAction)
	return err
}

// ReplyField reads a reply.
func (r *FieldReader) ReplyField(m *actors.Act) (err error) {
	m.Reply, err = r.StringField("reply", actors.MaxReply)
	return err
}

// The bounds of a message's actions.
const (
	maxActions     = 8
	maxActionLabel = 128 // bytes
)

// ActionsField reads the actions of a message, and appends them as a message has them: maxURL is
// the longest URL of one, in bytes.
func (r *FieldReader) ActionsField(b []byte, maxURL int) ([]byte, error) {
	if !r.Open('[') {
		return b, r.NotA("actions", "an array of actions")
	}
	var ids []string
	b = append(b, '[')
	for first := true; r.Item(first); first = false {
		if len(ids) == maxActions {
			return b, WrongField("actions", fmt.Sprintf("a message has at most %d", maxActions))
		}
		if len(ids) > 0 {
			b = append(b, ',')
		}
		var id string
		var err error
		if b, id, err = r.readAction(b, maxURL); err != nil {
			return b, err
		}
		if slices.Contains(ids, id) {
			return b, WrongField("actions.id", "two actions have the same")
		}
		ids = append(ids, id)
	}
	switch {
	case r.Bad():
		return b, r.Err()
	case len(ids) == 0:
		return b, WrongField("actions", "it is empty; leave it out instead")
	}
	return append(b, ']'), nil
}

// readAction reads one of them.
func (r *FieldReader) readAction(b []byte, maxURL int) (out []byte, id string, err error) {
	if !r.Open('{') {
		return b, "", r.NotA("actions", "an array of objects")
	}
	var label, link jsontext.Text
	reply := false
	seen := map[string]bool{}
	for first := true; ; first = false {
		member, more := r.Member(first)
		if !more {
			break
		}
		name := member.String()
		if seen[name] {
			return b, "", TwiceField("actions." + name)
		}
		seen[name] = true
		switch name {
		case "id":
			id, err = r.LabelField("actions.id", maxAction)
		case "label":
			label, err = r.TextField("actions.label", maxActionLabel)
		case "url":
			link, err = r.URLField("actions.url", maxURL)
		case "reply":
			reply, err = r.BoolField("actions.reply")
		default:
			err = WrongField(ShownField("actions."+name), "there is no such field")
		}
		if err != nil {
			return b, "", err
		}
	}
	switch {
	case r.Bad():
		return b, "", r.Err()
	case id == "":
		return b, "", WrongField("actions.id", "it is missing")
	case label.Size == 0:
		return b, "", WrongField("actions.label", "it is missing")
	case seen["url"] && reply:
		return b, "", WrongField("actions.reply", "an action has a url or takes a reply, not both")
	}
	b = actors.AppendString(append(b, `{"id":`...), id)
	b = label.AppendJSON(append(b, `,"label":`...))
	if seen["url"] {
		b = link.AppendJSON(append(b, `,"url":`...))
	}
	if reply {
		b = append(b, `,"reply":true`...)
	}
	return append(b, '}'), id, nil
}
