package api

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports/api/results"
	"reddot/transports/jsontext"
)

// The media types of CloudEvents (the JSON event format 1.0, sections 3 and 4).
const (
	typeEvent  = "application/cloudevents+json"
	typeEvents = "application/cloudevents-batch+json"
)

// publishEvents is POST /v1/events: CloudEvents 1.0 in each of HTTP's content
// modes.
func publishEvents(c *call) error {
	if err := c.readDryRun(); err != nil {
		return err
	}
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	e := &cloudEvent{draft: &c.draft}
	switch mediaType(c.Request.Header.ContentType()) {
	case typeEvents:
		return c.publishEventBatch(e, body)
	case typeEvent:
		err = e.parse(body, c.api.now().UnixMilli())
	default:
		err = e.readHeaders(&c.Request.Header, body, c.api.now().UnixMilli())
	}
	if err != nil {
		return err
	}
	if err := c.api.govern(c.who.App, e.draft); err != nil {
		return err
	}
	if err := c.api.deps.Gate.Publish(c.who, 1); err != nil {
		return err
	}
	p, once := c.screenEvent(e)
	r, err := c.ask(actors.UserKey(c.who.App, e.user), rehearsed(c.dry, &p.publish), once)
	if err != nil {
		return err
	}
	if c.dry {
		return c.answerDry(r)
	}
	c.out = results.AppendPublished(append(c.out[:0], '{'), &r.Answer)
	c.out = append(c.out, '}')
	c.created(fasthttp.StatusCreated, &r.Answer)
	r.Release()
	return nil
}

// publishEventBatch answers with one result an event, in order; a bad one
// fails alone.
func (c *call) publishEventBatch(e *cloudEvent, body []byte) error {
	events, err := jsontext.Split(body, c.draft.lim.Depth+2, c.api.cfg.Events+1)
	if err != nil {
		return err
	}
	if n := c.api.cfg.Events; len(events) > n {
		return actors.Errorf(actors.TooLarge, "at most %d events fit in one batch", n)
	}
	now := c.api.now().UnixMilli()
	f := results.NewPipeline(c.api.deps.Router, max(1, len(events)), c.api.cfg.BatchOutput, c.api.cfg.Deadline)
	f.SetDry(c.dry)
	for _, event := range events {
		err := e.parse(event, now)
		if err == nil {
			err = c.api.govern(c.who.App, e.draft)
		}
		if err == nil {
			err = c.api.deps.Gate.Publish(c.who, 1)
		}
		if err != nil {
			f.Refuse(err, 0)
			continue
		}
		p, once := c.screenEvent(e)
		r := actors.NewRequest(actors.UserKey(c.who.App, e.user), rehearsed(c.dry, &p.publish))
		r.Once = once
		f.Send(r, 0, results.IsPublish)
	}
	out := append(c.out[:0], `{"results":[`...)
	out = f.Flush(out)
	out = bytes.ReplaceAll(bytes.TrimSuffix(out, []byte("\n")), []byte("}\n{"), []byte("},{"))
	c.out = append(out, `]}`...)
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}

// screenEvent returns what an event comes to. Its key is of what the event says, not of what
// keyword lists leave of it.
func (c *call) screenEvent(e *cloudEvent) (*publication, actors.Once) {
	p, once := e.publication(c.who.ID)
	if c.api.deps.Keywords.Of(c.who.App) != nil {
		c.api.screen(c.who.App, e.draft)
		p.message.Content, p.message.Screened = e.draft.appendContent(nil, e.draft.has), e.draft.stop.Verdict()
	}
	return p, once
}

// mediaType returns the media type without its parameters, in lower case.
func mediaType(v []byte) string {
	v, _, _ = bytes.Cut(v, []byte(";"))
	return string(bytes.ToLower(bytes.TrimSpace(v)))
}
