package content

import "reddot/actors"

// AppendMembers appends what actors.Message.Content holds of the message.
func (m *InApp) AppendMembers(b []byte) []byte {
	n := len(b)
	add := func(name string, there bool, value func([]byte) []byte) {
		if !there {
			return
		}
		if len(b) > n {
			b = append(b, ',')
		}
		b = value(append(append(append(b, '"'), name...), `":`...))
	}
	text := func(s string) func([]byte) []byte {
		return func(b []byte) []byte { return actors.AppendString(b, s) }
	}
	add("title", m.Title != "", text(m.Title))
	add("body", m.Body != "", text(m.Body))
	add("data", len(m.Data) > 0, func(b []byte) []byte { return append(b, m.Data...) })
	add("url", m.URL != "", text(m.URL))
	return b
}
