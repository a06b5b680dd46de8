package actors

import (
	"encoding/json"
	"slices"
)

// Act answers a message by one of its actions. The first answer wins: Conflict for another one.
// Answers ID, Rev, Counts, Cursor.
type Act struct {
	ID     ID
	Action string // the id of one of the message's actions
	Reply  string // where that takes one
}

// Weight implements Command.
func (c *Act) Weight() int { return len(c.Action) + len(c.Reply) }

// MaxReply is the longest reply to a message, in bytes.
const MaxReply = 1 << 10

// An action is a way to answer a message, as its content has it.
type action struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	Reply bool   `json:"reply"`
}

// Check tells whether the message can be answered so.
func (c *Act) Check(m *Message) *Error {
	var content struct {
		Actions []action `json:"actions"`
	}
	if err := json.Unmarshal(slices.Concat([]byte("{"), m.Content, []byte("}")), &content); err != nil {
		return &Error{Code: Internal, Detail: "the stored content is damaged", Cause: err}
	}
	i := slices.IndexFunc(content.Actions, func(a action) bool { return a.ID == c.Action })
	switch {
	case i < 0:
		return &Error{Code: Invalid, Field: "action", Detail: "action: the message has no such action"}
	case c.Reply != "" && !content.Actions[i].Reply:
		return &Error{Code: Invalid, Field: "reply", Detail: "reply: this action takes none"}
	case len(c.Reply) > MaxReply:
		return &Error{Code: TooLarge, Field: "reply", Detail: "reply: it is too long"}
	}
	return nil
}

// Won is what is said to whoever answers a message that was answered so before.
func (a *Acted) Won() *Error {
	return Errorf(Conflict, "the message was answered by the action %q before, at %s", a.Action, TimeText(a.At))
}

// appendTo appends the answer as a member of a message, or of the event that tells of it; nothing
// if there is none.
func (a *Acted) appendTo(b []byte) []byte {
	if a.GetAction() == "" {
		return b
	}
	b = AppendString(append(b, `,"acted":{"action":`...), a.Action)
	if a.Reply != "" {
		b = AppendString(append(b, `,"reply":`...), a.Reply)
	}
	return append(AppendTimeMember(b, `,"at":`, a.At), '}')
}
