package api

import (
	"bytes"
	"context"
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// topics returns the handler of POST /v1/topics/{topic}; nil where there are
// no topics.
func (a *API) topics() func(*call) error {
	if a.deps.Topics == nil {
		return nil
	}
	return publishTopic
}

// publishTopic is POST /v1/topics/{topic}: it gives the body to whoever is
// subscribed. It answers when all have it who outlive a crash.
func publishTopic(c *call) error {
	topic, err := c.topicBehind(2) // v1/topics
	if err != nil {
		return err
	}
	retain := false
	if text := c.QueryArgs().Peek("retain"); len(text) > 0 {
		if retain, err = strconv.ParseBool(string(text)); err != nil {
			return wrong("retain", "retain is true or false")
		}
	}
	if !c.who.MayWrite(c.who.User, topic) {
		return actors.Errorf(actors.Forbidden, "this %s may not publish to that topic", c.who.Kind)
	}
	if err := c.api.deps.Gate.Publish(c.who, 1); err != nil {
		return err
	}
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	m := &actors.TopicMessage{App: c.who.App, Topic: topic, Payload: bytes.Clone(body), Qos: 1, Retain: retain,
		At: c.api.now().UnixMilli(), User: c.who.User}
	type outcome struct {
		took int
		err  *actors.Error
	}
	done := make(chan outcome, 1)
	c.api.deps.Topics.Publish(m, func(took int, err *actors.Error) { done <- outcome{took, err} })
	ctx := c.api.deadlines.Next()
	select {
	case o := <-done:
		if o.err != nil {
			return o.err
		}
		c.reply(fasthttp.StatusOK, strconv.AppendInt([]byte(`{"subscribers":`), int64(o.took), 10))
		c.Response.AppendBodyString("}")
		return nil
	case <-ctx.Done():
		return &actors.Error{Code: actors.Unavailable, Detail: "no answer in time; whether all subscribers have it is not known", Cause: context.Cause(ctx)}
	}
}

// topicBehind reads the path's topic: all that follows so many segments, slashes
// included.
func (c *call) topicBehind(segments int) (string, error) {
	b, err := c.params.Behind(c.URI().PathOriginal(), segments)
	if err != nil {
		return "", err
	}
	topic := string(b)
	if err := transports.CheckTopic(topic); err != nil {
		return "", err
	}
	if c.who.User != "" {
		topic = transports.FullTopic(topic, c.who.User)
	}
	return topic, nil
}
