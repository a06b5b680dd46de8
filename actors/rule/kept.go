package rule

import "reddot/actors"

// Source returns what the policy was read from.
func (p *Policy) Source() *actors.Policy { return p.source }

// Excerpt returns what a digest shows of a message, as its content would have it.
func Excerpt(m *actors.Message) []byte {
	title, url := headline(m.Content)
	b := actors.AppendString([]byte(`"title":`), title)
	if url != "" {
		b = actors.AppendString(append(b, `,"url":`...), url)
	}
	return b
}

// Size is about how many bytes the state takes in a snapshot.
func (s *State) Size() int {
	if s == nil {
		return 0
	}
	n := 24*len(s.spent) + 6*s.times + 20*len(s.said)
	for _, standing := range s.standings {
		n += standing.SizeVT()
	}
	for _, w := range s.windows {
		n += 64 + w.size + 26*len(w.items)
	}
	return n
}
