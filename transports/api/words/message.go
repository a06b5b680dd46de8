package words

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/keywords"
	"reddot/actors/screening"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// Metrics count what was found in messages. Nil Metrics count nothing.
type Metrics struct {
	hits [keywords.NumActions]prometheus.Counter
}

// NewMetrics registers the metrics; none are seen if reg is nil.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	hits := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "keywords", Name: "hits_total",
		Help: "Keywords found in messages, by what is done with them."}, []string{"action"})
	if reg != nil {
		if err := reg.Register(hits); err != nil {
			return nil, fmt.Errorf("keywords: register metrics: %w", err)
		}
	}
	m := &Metrics{}
	for a := keywords.Block; a < keywords.Allow; a++ {
		m.hits[a] = hits.WithLabelValues(a.String())
	}
	return m, nil
}

// Screen masks in a message what is to be masked, and returns why the message is stopped;
// nil: it is not. data is compact JSON; empty: there is none. Of several words one that is
// blocked comes before those that are to be reviewed.
func Screen(s *screening.Screen, m *Metrics, title, body *jsontext.Text, data *[]byte) *Stop {
	p := pass{screen: s, metrics: m}
	p.text("title", title)
	p.text("body", body)
	if len(*data) > 0 {
		*data = p.data("data", *data)
	}
	return p.stops()
}

// Blocked returns why keyword lists block a text that is to be reviewed; nil: they don't. raw
// is JSON, whose strings are screened. What is to be reviewed is, by whoever approves it.
func Blocked(s *screening.Screen, m *Metrics, field string, raw []byte) error {
	if s == nil {
		return nil
	}
	p := pass{screen: s, metrics: m}
	p.data(field, raw)
	if stop := p.stops(); stop != nil && stop.action == keywords.Block {
		return stop.Refusal()
	}
	return nil
}

// A pass is one message on its way through a Screen.
type pass struct {
	screen  *screening.Screen
	metrics *Metrics
	first   [keywords.NumActions]screening.Hit
	fields  [keywords.NumActions]string // where the first hit is; empty: there is none
}

// check returns the text as it is masked.
func (p *pass) check(field, text string) string {
	v := p.screen.Check(text)
	for a, n := range v.Counts {
		if n == 0 {
			continue
		}
		if p.metrics != nil {
			p.metrics.hits[a].Add(float64(n))
		}
		if p.fields[a] == "" {
			p.fields[a], p.first[a] = field, v.First[a]
		}
	}
	return v.Text
}

func (p *pass) text(field string, t *jsontext.Text) {
	if t.Size == 0 {
		return
	}
	text := t.String()
	if masked := p.check(field, text); masked != text {
		*t = jsontext.NewText(masked)
	}
}

// data screens the strings of JSON but for names of members, and returns it with what is
// masked; it is the same slice if nothing is.
func (p *pass) data(field string, data []byte) []byte {
	var s jsontext.Scanner
	s.Reset(data, transports.MaxDepth)
	var out []byte
	done := 0 // bytes that are in out
	for i := 0; i < len(data); {
		if data[i] != '"' {
			i++
			continue
		}
		s.Seek(i)
		t, ok := s.Text()
		if !ok {
			break // it was checked before
		}
		end := s.At()
		if end == len(data) || data[end] != ':' {
			text := t.String()
			if masked := p.check(field, text); masked != text {
				out = jsontext.AppendString(append(out, data[done:i]...), masked)
				done = end
			}
		}
		i = end
	}
	if done == 0 {
		return data
	}
	return append(out, data[done:]...)
}

// A Stop is why keyword lists stop a message.
type Stop struct {
	action keywords.Action // Block or Review
	field  string
	hit    screening.Hit
}

// Refusal says it with the list and the place, and without the word.
func (s *Stop) Refusal() *actors.Error {
	does := "blocks"
	if s.action == keywords.Review {
		does = "wants a review of"
	}
	return &actors.Error{Code: actors.Invalid, Field: s.field,
		Detail: fmt.Sprintf("%s: the keyword list %s %s what it says at character %d", s.field, s.hit.List, does, s.hit.At+1)}
}

// Verdict is what the rules of a user are told of it; that of no Stop is nil.
func (s *Stop) Verdict() *actors.Verdict {
	if s == nil {
		return nil
	}
	v := &actors.Verdict{Rule: actors.Rule_KEYWORDS, Value: s.Refusal().Detail}
	if s.action == keywords.Review {
		v.Rule = actors.Rule_REVIEW
	}
	return v
}

// stops returns why the message is stopped.
func (p *pass) stops() *Stop {
	for _, a := range [...]keywords.Action{keywords.Block, keywords.Review} {
		if p.fields[a] != "" {
			return &Stop{a, p.fields[a], p.first[a]}
		}
	}
	return nil
}
