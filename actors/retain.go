package actors

import (
	"cmp"
	"slices"
	"strings"
)

// What topics retain, as it is asked for: the actors that keep it are in
// actors/retained, a few of each app (RetainedKey).

// Wild tells whether a filter has a wildcard.
func Wild(filter string) bool { return strings.ContainsAny(filter, "+#") }

// retain asks for the message to be kept.
func (t *Topics) retain(m *TopicMessage, done func(*Error)) {
	key := RetainedKey(m.App, m.Topic)
	t.ask(key, &Retain{m}, func(r *Request) { done(r.Answer.Err) })
}

// A RetainedPage is some of what topics retain, in the order of the topics.
type RetainedPage struct {
	Messages []*TopicMessage
	More     bool // there is more behind the last of them
	Err      *Error
}

// Retained calls done with a page of the messages that the topics retain which a
// filter without a share matches: of the topics behind after, "" at first. Who
// asks for the next when its client has taken one needs memory for a page alone,
// and is told of each topic as it then is. No lock may be held; done may be
// called before Retained returns.
func (t *Topics) Retained(app, filter, after string, done func(RetainedPage)) {
	c := &Retained{filter, after}
	if !Wild(filter) {
		t.ask(RetainedKey(app, filter), c, func(r *Request) { done(RetainedPage{r.Answer.Messages, false, r.Answer.Err}) })
		return
	}
	var parts [RetainedShards]RetainedPage
	p := &publishing{}
	p.left.Store(RetainedShards)
	p.end = func(p *publishing) {
		page := joined(parts[:])
		page.Err = p.err.Load()
		done(page)
	}
	for i := range parts {
		t.ask(retainedKey(app, uint64(i)), c, func(r *Request) { // #nosec G115 -- few
			parts[i] = RetainedPage{Messages: r.Answer.Messages, More: r.Answer.More}
			p.done(0, r.Answer.Err)
		})
	}
}

// joined returns one page of those of all parts: no further than each part has
// told.
func joined(parts []RetainedPage) RetainedPage {
	var page RetainedPage
	last := ""
	for _, p := range parts {
		page.Messages = append(page.Messages, p.Messages...)
		if n := len(p.Messages); p.More && n > 0 {
			page.More = true
			if end := p.Messages[n-1].Topic; last == "" || end < last {
				last = end
			}
		}
	}
	slices.SortFunc(page.Messages, func(a, b *TopicMessage) int { return cmp.Compare(a.Topic, b.Topic) })
	size := 0
	for i, m := range page.Messages {
		size += m.Held()
		if last != "" && m.Topic > last || i == RetainedPageMessages || i > 0 && size > RetainedPageBytes {
			page.Messages, page.More = page.Messages[:i:i], true
			break
		}
	}
	return page
}

// ask sends a request, and lets done look at the answer.
func (t *Topics) ask(key Key, c Command, done func(*Request)) {
	r := NewRequest(key, c)
	r.OnReply(func(r *Request) {
		done(r)
		r.Release()
	})
	t.home.Router.Send(key, r)
}

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
