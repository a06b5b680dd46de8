package trace

import (
	"slices"

	"reddot/actors"
)

// A Filter says what is traced. One of its fields is set, beside the App.
type Filter struct {
	App        string    `json:"app"`
	User       string    `json:"user,omitempty"`
	Connection uint64    `json:"connection,omitempty"`
	Message    actors.ID `json:"message,omitzero"`
	Topic      string    `json:"topic,omitempty"` // or a filter of topics
	Campaign   string    `json:"campaign,omitempty"`
}

// maxLearned is how many messages a trace of a topic or a campaign knows to be of it.
const maxLearned = 256

// A match tells what a trace wants. What is done with a message says no longer whose it is, so
// it is learned from what said it.
type match struct {
	Filter
	learned []actors.ID
}

// wants tells whether a happening is traced.
func (m *match) wants(h *actors.Happening) bool {
	switch {
	case h.App != m.App:
		return false
	case m.User != "":
		return h.User == m.User
	case m.Connection != 0:
		return slices.Contains(h.Connections, m.Connection)
	case m.Message != actors.ID{}:
		return slices.Contains(h.Messages, m.Message)
	case m.Campaign != "" && h.Campaign == m.Campaign, m.Topic != "" && h.Topic != "" && actors.MatchTopic(m.Topic, h.Topic):
		m.learn(h.Messages)
		return true
	}
	return slices.ContainsFunc(h.Messages, func(id actors.ID) bool { return slices.Contains(m.learned, id) })
}

// learn notes messages; past the bound the oldest are forgotten.
func (m *match) learn(ids []actors.ID) {
	for _, id := range ids {
		if slices.Contains(m.learned, id) {
			continue
		}
		if len(m.learned) == maxLearned {
			m.learned = m.learned[1:]
		}
		m.learned = append(m.learned, id)
	}
}
