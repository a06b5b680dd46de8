package actorstest

import (
	"reddot/actors"
	"reddot/actors/topic"
)

// Subscribe subscribes to topics of the default app; each message is told to fn, which
// must not block.
func (n *Node) Subscribe(filter string, fn func(*actors.TopicMessage)) {
	n.Topics.Subscribe(actors.DefaultApp, &topic.Subscription{Filter: filter, Subscriber: subscriber(fn)}, "", "")
}

type subscriber func(*actors.TopicMessage)

// Deliver implements topic.Subscriber.
func (fn subscriber) Deliver(p *topic.Push, _ []*topic.Subscription) {
	for _, m := range p.Messages {
		fn(m)
	}
}

// Is implements topic.Subscriber.
func (subscriber) Is(string, string) bool { return false }
