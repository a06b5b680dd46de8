package actors

// The bounds of one page of what topics retain; one message may be larger.
const (
	RetainedPageMessages = 32
	RetainedPageBytes    = 64 << 10
)

// heldBeside is about what a message takes up beside its bytes.
const heldBeside = 256

// Held returns about how many bytes the message takes up.
func (m *TopicMessage) Held() int {
	return len(m.Topic) + len(m.Payload) + len(m.Attributes) + heldBeside
}

// IsOver tells whether a message is retained no longer.
func (m *TopicMessage) IsOver(now int64, l *Limits) bool {
	return m.ExpiresAt != 0 && m.ExpiresAt <= now || m.At != 0 && l.RetainedAge > 0 && now-m.At > l.RetainedAge.Milliseconds()
}
