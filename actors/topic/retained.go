package topic

import (
	"reddot/actors"

	"cmp"
	"slices"
)

// What topics retain, as it is asked for: the actors that keep it are in
// actors/retained, a few of each app (actors.RetainedKey).

// retain asks for the message to be kept.
func (t *Broker) retain(m *actors.TopicMessage, done func(*actors.Error)) {
	key := actors.RetainedKey(m.App, m.Topic)
	t.ask(key, &actors.Retain{Message: m}, func(r *actors.Request) { done(r.Answer.Err) })
}

// A RetainedPage is some of what topics retain, in the order of the topics.
type RetainedPage struct {
	Messages []*actors.TopicMessage
	More     bool // there is more behind the last of them
	Err      *actors.Error
}

// Retained calls done with a page of the messages that the topics retain which a
// filter without a share matches: of the topics behind after, "" at first. Who
// asks for the next when its client has taken one needs memory for a page alone,
// and is told of each topic as it then is. No lock may be held; done may be
// called before Retained returns.
func (t *Broker) Retained(app, filter, after string, done func(RetainedPage)) {
	c := &actors.Retained{Filter: filter, After: after}
	if !actors.Wild(filter) {
		t.ask(actors.RetainedKey(app, filter), c, func(r *actors.Request) { done(RetainedPage{r.Answer.Messages, false, r.Answer.Err}) })
		return
	}
	var parts [actors.RetainedShards]RetainedPage
	p := &publishing{}
	p.left.Store(actors.RetainedShards)
	p.end = func(p *publishing) {
		page := joined(parts[:])
		page.Err = p.err.Load()
		done(page)
	}
	for i := range parts {
		t.ask(actors.RetainedShardKey(app, uint64(i)), c, func(r *actors.Request) {
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
	slices.SortFunc(page.Messages, func(a, b *actors.TopicMessage) int { return cmp.Compare(a.Topic, b.Topic) })
	size := 0
	for i, m := range page.Messages {
		size += m.Held()
		if last != "" && m.Topic > last || i == actors.RetainedPageMessages || i > 0 && size > actors.RetainedPageBytes {
			page.Messages, page.More = page.Messages[:i:i], true
			break
		}
	}
	return page
}

// ask sends a request, and lets done look at the answer.
func (t *Broker) ask(key actors.Key, c actors.Command, done func(*actors.Request)) {
	r := actors.NewRequest(key, c)
	r.OnReply(func(r *actors.Request) {
		done(r)
		r.Release()
	})
	t.home.Router.Send(key, r)
}
