package broadcast

import (
	"context"

	"reddot/actors"
)

// loadContent reads what an edit is about to change; the edit comes back as
// contentLoaded.
func (w *Writer) loadContent(r *actors.Request, c *actors.Edit) {
	m := w.state.find(c.ID)
	if m == nil || m.over != 0 {
		w.refuse(r, actors.ErrNotHere)
		return
	}
	h, key, body := w.Home, w.Key, m.body
	w.asked++
	w.Leave(&r.Effect, r, nil, func() {
		h.Load(func() {
			old, err := readMessage(context.Background(), h.Journal, key, body)
			h.Router.Send(key, &contentLoaded{r, body, old, err}) // this activation may have ended
		})
	})
	w.committed()
}

// readMessage returns the message in an entry.
func readMessage(ctx context.Context, j actors.Journal, key actors.Key, pos uint64) (*actors.Message, error) {
	var e *actors.LogEntry
	failed := error(actors.Errorf(actors.NotFound, "entry %d is not in the log", pos))
	err := j.Events(ctx, key, pos, pos, func(_ uint64, raw []byte) bool {
		e, failed = actors.DecodeLogEntry(raw)
		return false
	})
	if err == nil {
		err = failed
	}
	if err == nil && e.Message.GetCleared() {
		err = actors.Errorf(actors.NotFound, "the content of entry %d was taken out", pos)
	}
	if err != nil {
		return nil, err
	}
	return e.Message, nil
}

// edit goes on with an edit whose old content is there.
func (w *Writer) edit(l *contentLoaded) {
	w.asked = max(0, w.asked-1)
	w.Current = l.req
	w.editContent(l, l.req.Command.(*actors.Edit), w.Home.Now())
	w.Current = nil
}

func (w *Writer) editContent(l *contentLoaded, c *actors.Edit, now int64) {
	m := w.state.find(c.ID)
	switch {
	case m == nil || m.over != 0:
		w.refuse(l.req, actors.ErrNotHere)
		return
	case m.body != l.body: // another edit came first
		w.loadContent(l.req, c)
		return
	case l.err != nil:
		w.refuse(l.req, actors.AsError(l.err))
		return
	}
	next, err := actors.Patched(l.old, c.Patch)
	if err == nil && len(next.Content) > w.Home.Limits.InboxBytes {
		err = actors.Errorf(actors.TooLarge, "the message is larger than an inbox may be (%d bytes)", w.Home.Limits.InboxBytes)
	}
	if err != nil {
		w.refuse(l.req, err)
		return
	}
	next.EditedAt = now
	e := w.state.about(m, actors.LogKind_LOG_EDITED, now, l.req.Once)
	e.Message = next
	note(e)
	w.append(l.req, e)
}

// find answers with the message, its state and its funnel.
func (w *Writer) find(r *actors.Request, c *actors.Find) {
	m, h, key := w.state.find(c.ID), w.Home, w.Key
	if m == nil {
		w.refuse(r, actors.ErrNotHere)
		return
	}
	bare, body, audience, word := m.Message, m.body, m.audience, m.word()
	r.Answer.ID = c.ID
	w.Leave(&r.Effect, r, nil, func() {
		h.Load(func() {
			whole, err := bare, error(nil)
			if body != 0 {
				whole, err = readMessage(context.Background(), h.Journal, key, body)
			}
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			f, err := h.Lookup.Tallies(context.Background(), c.ID)
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			b := append(actors.AppendStateless(nil, whole), `,"state":"`...)
			b = append(actors.AppendTemplate(append(append(b, word...), '"'), whole), `,"to":`...)
			b = append(audience.AppendJSON(b), `,"funnel":`...)
			r.Answer.Body = append(actors.AppendBroadcastFunnel(b, f), '}')
			r.Respond()
		})
	})
	w.committed()
}

// word returns the message's state in the API.
func (m *message) word() string {
	switch {
	case m.retracted:
		return "retracted"
	case m.over != 0:
		return "expired"
	case m.first == 0:
		return "scheduled"
	}
	return "delivered"
}
