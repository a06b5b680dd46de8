package sse

import (
	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports/streams"
)

// listening is the protocol of a stream that also listens to topics.
type listening struct {
	*Streams
	filters []string
	topics  *streams.Subscriber
}

var (
	_ streams.Protocol  = (*listening)(nil)
	_ streams.Starter   = (*listening)(nil)
	_ streams.Buffering = (*listening)(nil)
	_ streams.Leaver    = (*listening)(nil)
)

// topicForm is how a topic's message is written. It has no id, so that the
// browser's is still the inbox's.
var topicForm = streams.TopicForm{Form: topic.NewForm(), Append: func(b, event []byte) []byte {
	return append(appendData(append(b, "event: topic\n"...), event), '\n')
}}

// Started implements streams.Starter.
func (l *listening) Started(socket *streams.Socket) {
	l.topics.SetSocket(socket)
	if err := l.topics.Subscribe(l.filters, func() {}); err != nil {
		socket.Close(actors.EndFailed) // it was allowed a moment ago: who comes back is told
	}
}

// Drained implements streams.Buffering.
func (l *listening) Drained(*streams.Socket) { l.topics.Drained() }

// Left implements streams.Leaver.
func (l *listening) Left(*streams.Socket) { l.topics.Leave() }
