package streams

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports"
)

// A Subscriber gives a WebSocket or an event stream the messages of topics: each at
// most once, apart from the inbox and without a cursor. A client that does not read
// fast enough is ended as one of the inbox is: it is told to come back, and so that
// it may have missed something.
//
// It is safe for concurrent use.
type Subscriber struct {
	deps   *Deps
	socket *Socket
	form   TopicForm

	mu      sync.Mutex
	subs    []*topic.Subscription
	reads   []retainedReading // what their topics retain and is not sent yet
	reading bool              // a page of it is on its way
	left    bool
}

// A retainedReading is what the topics of a filter retain, behind one of them.
type retainedReading struct{ filter, after string }

// A TopicForm is how a transport writes a topic's message.
type TopicForm struct {
	Form   topic.Form
	Append func(b, event []byte) []byte // the event's JSON as a frame
}

var _ topic.Subscriber = (*Subscriber)(nil)

// NewSubscriber returns the Subscriber of a Socket, which has to call Leave when
// it has ended. The Socket may come later, by SetSocket.
func NewSubscriber(deps *Deps, socket *Socket, form TopicForm) *Subscriber {
	return &Subscriber{deps: deps, socket: socket, form: form}
}

// SetSocket sets the Socket, before the first Subscribe.
func (s *Subscriber) SetSocket(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.socket = socket
}

// CheckFilters returns the filters as everybody knows them, or why the caller
// may not subscribe to them as the user; the error is an actors.Error.
func CheckFilters(deps *Deps, caller *transports.Principal, user string, filters []string) ([]string, error) {
	if most := deps.Gate.Limits().Subscriptions; len(filters) > most {
		return nil, tooManyTopics(most)
	}
	full := make([]string, len(filters))
	for i, f := range filters {
		if err := transports.CheckFilter(f); err != nil {
			return nil, err
		}
		full[i] = transports.FullTopic(f, user)
		_, rest, shared := actors.SplitShare(full[i])
		if own, _, ok := transports.OwnTopic(rest, user); ok && !shared && slices.Contains(transports.InboxTopics[:], own) {
			return nil, transports.WrongTopic(fmt.Sprintf("the events of the inbox come by themselves; users/{user}/%s is for MQTT", own))
		}
		if !caller.MayRead(user, rest) {
			return nil, &actors.Error{Code: actors.Forbidden, Field: "topic", Detail: fmt.Sprintf("this %s may not subscribe to that topic", caller.Kind)}
		}
	}
	return full, nil
}

func tooManyTopics(most int) error {
	return &actors.Error{Code: actors.TooMany, Field: "topic", Detail: fmt.Sprintf("a connection may subscribe to %d topics", most)}
}

// Subscribe subscribes to all of the filters or, with an error, to none. Once
// they are in force on all nodes it calls answer, in any goroutine, and then for
// what their topics retain.
func (s *Subscriber) Subscribe(filters []string, answer func()) error {
	key := s.socket.Key()
	filters, err := CheckFilters(s.deps, s.socket.Caller(), key.Name(), filters)
	if err != nil {
		return err
	}
	if err := s.add(key, filters); err != nil {
		return err
	}
	s.deps.Topics.Announce(func() {
		answer()
		s.mu.Lock()
		for _, f := range filters {
			if _, _, shared := actors.SplitShare(f); !shared {
				s.reads = append(s.reads, retainedReading{filter: f})
			}
		}
		s.mu.Unlock()
		s.readNext()
	})
	return nil
}

func (s *Subscriber) add(key actors.Key, filters []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil
	}
	var fresh []string
	for _, f := range filters {
		if s.index(f) < 0 && !slices.Contains(fresh, f) {
			fresh = append(fresh, f)
		}
	}
	if most := s.deps.Gate.Limits().Subscriptions; len(s.subs)+len(fresh) > most {
		return tooManyTopics(most)
	}
	for _, f := range fresh {
		sub := &topic.Subscription{Filter: f, Subscriber: s}
		s.subs = append(s.subs, sub)
		s.deps.Topics.Subscribe(key.App(), sub, "", "")
	}
	return nil
}

func (s *Subscriber) index(filter string) int {
	return slices.IndexFunc(s.subs, func(n *topic.Subscription) bool { return n.Filter == filter })
}

// Unsubscribe ends subscriptions. That there is none to a filter is no error.
func (s *Subscriber) Unsubscribe(filters []string) {
	key := s.socket.Key()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range filters {
		if i := s.index(transports.FullTopic(f, key.Name())); i >= 0 {
			s.deps.Topics.Unsubscribe(key.App(), s.subs[i], false)
			s.subs = slices.Delete(s.subs, i, i+1)
		}
		s.reads = slices.DeleteFunc(s.reads, func(r retainedReading) bool { return r.filter == transports.FullTopic(f, key.Name()) })
	}
	s.deps.Topics.Announce(nil)
}

// Leave ends all subscriptions, for good.
func (s *Subscriber) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		s.deps.Topics.Unsubscribe(s.socket.Key().App(), sub, false)
	}
	if len(s.subs) > 0 {
		s.deps.Topics.Announce(nil)
	}
	s.subs, s.reads, s.left = nil, nil, true
}

// Deliver implements topic.Subscriber.
func (s *Subscriber) Deliver(p *topic.Push, _ []*topic.Subscription) {
	frames := p.Frame(s.form.Form, func(b []byte, m *actors.TopicMessage) []byte {
		return s.form.Append(b, appendTopic(nil, m, false))
	})
	s.send(frames, topic.Lasts(frames))
}

// Is implements topic.Subscriber: these connections are no client of MQTT.
func (s *Subscriber) Is(string, string) bool { return false }

// Drained goes on with what topics retain: the client has taken what it was sent.
func (s *Subscriber) Drained() { s.readNext() }

// readNext asks for the next page of what topics retain, unless the client has not
// taken the last one yet.
func (s *Subscriber) readNext() {
	s.mu.Lock()
	if s.reading || len(s.reads) == 0 || s.left {
		s.mu.Unlock()
		return
	}
	if n, err := s.socket.Send(nil); n > 0 || err != nil {
		s.mu.Unlock()
		return
	}
	s.reading = true
	r := s.reads[0]
	s.mu.Unlock()
	s.deps.Topics.Retained(s.socket.Key().App(), r.filter, r.after, func(p topic.RetainedPage) { s.retained(r, p) })
}

// retained sends a page of what topics retain.
func (s *Subscriber) retained(r retainedReading, p topic.RetainedPage) {
	if p.Err != nil {
		s.deps.Log.Warn("what topics retain could not be read", "err", p.Err)
		s.close(actors.EndFailed) // it subscribes again
		return
	}
	var frames []byte
	for _, m := range p.Messages {
		frames = s.form.Append(frames, appendTopic(nil, m, true))
	}
	if !s.send(frames, true) {
		return
	}
	s.mu.Lock()
	s.reading = false
	if len(s.reads) > 0 && s.reads[0] == r {
		if n := len(p.Messages); p.More && n > 0 {
			s.reads[0].after = p.Messages[n-1].Topic
		} else {
			s.reads = s.reads[1:]
		}
	}
	more := len(s.reads) > 0
	s.mu.Unlock()
	if more {
		go s.readNext() // not deeper with each page
	}
}

// send writes whole frames, shared if nobody changes them any more. False says
// that the connection ends.
func (s *Subscriber) send(frames []byte, shared bool) bool {
	send := s.socket.Send
	if shared {
		send = s.socket.SendShared
	}
	_, err := send(frames)
	switch {
	case errors.Is(err, actors.ErrSlow):
		s.close(actors.EndSlow)
	case err != nil:
		s.close(actors.EndGone)
	}
	return err == nil
}

// close ends the connection. That tells an actor of it, which may be the one
// whose turn this is.
func (s *Subscriber) close(why actors.End) { go s.socket.Close(why) }

// Publish gives a message to whoever is subscribed, as POST /v1/topics/{topic}
// does. done is called once with how many sessions it concerns when all have it
// who outlive a crash, or with why it may be that not all have it.
func Publish(deps *Deps, caller *transports.Principal, user actors.Key, m *actors.TopicMessage, done func(took int, err *actors.Error)) {
	fail := func(err error) { done(0, actors.AsError(err)) }
	if err := transports.CheckTopic(m.Topic); err != nil {
		fail(err)
		return
	}
	m.App, m.User, m.Topic = user.App(), user.Name(), transports.FullTopic(m.Topic, user.Name())
	if !caller.MayWrite(m.User, m.Topic) {
		fail(&actors.Error{Code: actors.Forbidden, Field: "topic", Detail: fmt.Sprintf("this %s may not publish to that topic", caller.Kind)})
		return
	}
	if err := deps.Gate.Publish(caller, 1); err != nil {
		fail(err)
		return
	}
	m.Qos, m.At = 1, deps.Clock().UnixMilli()
	deps.Topics.Publish(m, done)
}

// appendTopic appends the event of a topic's message. The payload is an object
// or an array if it is one, and any other text a string; what is no text stands
// in payload_base64.
func appendTopic(b []byte, m *actors.TopicMessage, retained bool) []byte {
	b = append(b, `{"type":"topic","topic":`...)
	b = appendString(b, m.Topic)
	switch p := m.Payload; {
	case isStructure(p):
		b = append(append(b, `,"payload":`...), p...)
	case utf8.Valid(p):
		b = appendString(append(b, `,"payload":`...), string(p))
	default:
		b = append(b, `,"payload_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, p), '"')
	}
	if retained {
		b = append(b, `,"retained":true`...)
	}
	return append(b, '}')
}

// isStructure tells whether a payload is a JSON object or array.
func isStructure(p []byte) bool {
	if len(p) < 2 || p[0] != '{' && p[0] != '[' {
		return false
	}
	return utf8.Valid(p) && json.Valid(p)
}

func appendString(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string cannot fail
	}
	return append(b, text...)
}
