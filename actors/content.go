package actors

import (
	"encoding/json"
	"slices"
	"strings"
)

// contentMembers are the members of Message.Content, in their order.
var contentMembers = []string{"title", "body", "data", "url", "actions"}

// Patched returns a copy of old with the members of a JSON object set; null
// removes one. Which members there may be is the edge's business, which has
// checked their types.
func Patched(old *Message, patch []byte) (*Message, *Error) {
	var set map[string]json.RawMessage
	if err := json.Unmarshal(patch, &set); err != nil {
		return nil, &Error{Code: Invalid, Detail: "the edit is no JSON object", Cause: err}
	}
	m := old.Copy()
	for name, v := range set {
		if slices.Contains(contentMembers, name) {
			continue
		}
		if err := m.set(name, v); err != nil {
			return nil, err
		}
	}
	if err := m.setContent(set); err != nil {
		return m, err
	}
	return m, m.setVariants(set)
}

// setVariants sets the members that set names in every locale.
func (m *Message) setVariants(set map[string]json.RawMessage) *Error {
	old := m.Variants
	m.Variants = nil
	for _, v := range old {
		c := &Message{Content: v.Content}
		if err := c.setContent(set); err != nil {
			return err
		}
		m.Variants = append(m.Variants, &Variant{Locale: v.Locale, Content: c.Content})
	}
	return nil
}

// Copy returns a message of its own with the same fields.
func (m *Message) Copy() *Message {
	return &Message{
		Id: m.Id, Category: m.Category, Tenant: m.Tenant, Priority: m.Priority, Content: m.Content, ExpiresAt: m.ExpiresAt, SendAt: m.SendAt,
		CollapseKey: m.CollapseKey, CreatedAt: m.CreatedAt, Shared: m.Shared, EditedAt: m.EditedAt,
		Cleared: m.Cleared, Policy: m.Policy, Screened: m.Screened,
		Template: m.Template, TemplateVersion: m.TemplateVersion, TemplateHash: m.TemplateHash, Variants: m.Variants,
		Campaign: m.Campaign, Arm: m.Arm,
	}
}

// In returns the message as it is said in a user's locale, without what is said in others.
func (m *Message) In(locale string) *Message {
	if len(m.Variants) == 0 {
		return m
	}
	c := m.Copy()
	c.Variants = nil
	FindLocale(locale, func(has string) (string, bool) {
		for _, v := range m.Variants {
			if strings.EqualFold(v.Locale, has) {
				c.Content = v.Content
				return has, true
			}
		}
		return "", false
	})
	return c
}

// Copy returns a message of its own with the same fields.
func (m *TopicMessage) Copy() *TopicMessage {
	return &TopicMessage{
		Topic: m.Topic, Payload: m.Payload, Qos: m.Qos, Retain: m.Retain, Attributes: m.Attributes, ExpiresAt: m.ExpiresAt,
		At: m.At, App: m.App, User: m.User, Client: m.Client, Once: m.Once,
	}
}

// set sets a member that is no content.
func (m *Message) set(name string, v json.RawMessage) *Error {
	var s string
	if string(v) != "null" {
		if err := json.Unmarshal(v, &s); err != nil {
			return &Error{Code: Invalid, Field: name, Detail: "want a string or null", Cause: err}
		}
	}
	switch name {
	case "category":
		if m.Category = s; s == "" {
			m.Category = DefaultCategory
		}
	case "priority":
		p, ok := ParsePriority(s)
		if !ok {
			return &Error{Code: Invalid, Field: name, Detail: "want low, normal, high or critical"}
		}
		m.Priority = p
	case "expires_at":
		if m.ExpiresAt = 0; s == "" {
			return nil
		}
		t, ok := ParseTime(s)
		if !ok {
			return &Error{Code: Invalid, Field: name, Detail: "want a time as RFC 3339 has it, such as 2030-01-02T15:04:05Z"}
		}
		m.ExpiresAt = t.UnixMilli()
	default:
		return &Error{Code: Invalid, Field: name, Detail: "this member can't be edited"}
	}
	return nil
}

// setContent sets the members of the content that set names.
func (m *Message) setContent(set map[string]json.RawMessage) *Error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(slices.Concat([]byte("{"), m.Content, []byte("}")), &have); err != nil {
		return &Error{Code: Internal, Detail: "the stored content is damaged", Cause: err}
	}
	var out []byte
	some := false
	for _, name := range contentMembers {
		v, ok := set[name]
		if !ok {
			v = have[name]
		}
		if len(v) == 0 || string(v) == "null" {
			continue
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), `":`...)
		out = append(out, v...)
		some = some || name != "url" && name != "actions"
	}
	if !some {
		return &Error{Code: Invalid, Detail: "a message needs a title, a body or data"}
	}
	m.Content = out
	return nil
}

// CollapseHash returns what stands for the message's collapse key in an index; 0: it has
// none. A key is one of its tenant.
func (m *Message) CollapseHash() uint64 {
	if m.Tenant == "" || m.CollapseKey == "" {
		return CollapseHash(m.CollapseKey)
	}
	return CollapseHash(m.Tenant + "\xff" + m.CollapseKey) // no text has this byte
}

// DefaultCategory is the category of a message that names none.
const DefaultCategory = "default"

// ParsePriority reads a priority's name in the API; none means normal.
func ParsePriority(s string) (Priority, bool) {
	switch s {
	case "", "normal":
		return Priority_NORMAL, true
	case "low":
		return Priority_LOW, true
	case "high":
		return Priority_HIGH, true
	case "critical":
		return Priority_CRITICAL, true
	}
	return 0, false
}

// Word returns the priority's name in the API.
func (p Priority) Word() string {
	return [...]string{"normal", "low", "high", "critical"}[p&3]
}

// Word returns the state's name in the API.
func (s State) Word() string {
	return [...]string{"unseen", "seen", "read", "archived", "snoozed", "scheduled"}[min(s, 5)]
}

// Counts tells what a message in this state adds to unread and unseen.
func (s State) Counts() (unread, unseen uint32) {
	switch s {
	case State_UNSEEN:
		return 1, 1
	case State_SEEN:
		return 1, 0
	}
	return 0, 0
}

// WasSeen tells whether a message in this state has been seen.
func (s State) WasSeen() bool { return s == State_SEEN || s == State_READ }
