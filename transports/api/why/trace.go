package why

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/trace"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// The times of a stream that tells a trace.
const (
	beat  = 10 * time.Second // behind which a comment says that the stream lives, and its caller is looked at again
	stall = 20 * time.Second // in which a write has to end
)

// traceParams name what can be traced.
var traceParams = []string{"user", "connection", "message", "topic", "campaign"}

// trace is GET /v1/trace.
func (w *why) trace(c resource.Call) error {
	f, err := readFilter(c)
	if err != nil {
		return err
	}
	lasts := trace.MaxTime
	if len(c.HTTP().QueryArgs().Peek("seconds")) > 0 {
		n, err := c.Number("seconds")
		if most := uint64(trace.MaxTime / time.Second); err != nil || n == 0 || n > most {
			return transports.WrongField("seconds", "it must be a number from 1 to "+strconv.FormatUint(most, 10))
		}
		lasts = time.Duration(n) * time.Second
	}
	h := c.HTTP()
	h.SetContentType("text/event-stream")
	h.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store, no-transform")
	h.Response.Header.Set("X-Accel-Buffering", "no")
	if h.IsHead() {
		return nil
	}
	r, err := w.Traces.Open(f, lasts)
	if err != nil {
		return err
	}
	h.SetBodyStream(&traced{w: w, who: c.Who(), conn: h, reading: r, wait: []byte(":\n\n")}, -1)
	return nil
}

// readFilter reads what is to be traced: one thing.
func readFilter(c resource.Call) (trace.Filter, error) {
	f, n := trace.Filter{App: c.Who().App}, 0
	for _, name := range traceParams {
		text := string(c.HTTP().QueryArgs().Peek(name))
		if text == "" {
			continue
		}
		var err error
		switch n++; name {
		case "user":
			f.User, err = c.Who().Resolve(text)
		case "connection":
			if f.Connection, err = strconv.ParseUint(text, 16, 64); err != nil || f.Connection == 0 {
				err = transports.WrongField(name, "it must be an id, as the list of a user's connections has it")
			}
		case "message":
			if f.Message, err = actors.ParseID(text); err != nil {
				err = transports.WrongField(name, "it must be a message's id, as 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
			}
		case "topic":
			if f.Topic = text; transports.CheckFilter(text) != nil {
				err = transports.WrongField(name, "it must be a topic, or a filter of topics")
			}
		case "campaign":
			f.Campaign, err = transports.ParseName(text)
		}
		if err != nil {
			return f, err
		}
	}
	if n != 1 {
		return f, actors.Errorf(actors.Invalid, "say what to trace, one of user, connection, message, topic and campaign")
	}
	return f, nil
}

// traced is the body of a trace: fasthttp sends each piece that it reads.
type traced struct {
	w       *why
	who     *transports.Principal
	conn    *fasthttp.RequestCtx
	reading *trace.Reading
	wait    []byte
	over    bool
}

var _ io.ReadCloser = (*traced)(nil)

// Read implements io.Reader.
func (t *traced) Read(b []byte) (int, error) {
	if len(t.wait) == 0 && t.over {
		return 0, io.EOF
	}
	if len(t.wait) == 0 {
		var lines []byte
		lines, t.over = t.reading.Next(beat)
		if !t.over && !t.w.StillValid(t.who) {
			t.reading.End("forbidden")
		}
		if t.wait = appendEvents(nil, lines); len(t.wait) == 0 {
			t.wait = append(t.wait, ":\n\n"...)
		}
	}
	if err := t.conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	n := copy(b, t.wait)
	t.wait = t.wait[n:]
	return n, nil
}

// Close implements io.Closer.
func (t *traced) Close() error {
	t.reading.Close()
	return nil
}

// typeHead is how each line begins; its type follows.
const typeHead = `{"type":"`

// appendEvents appends lines as server-sent events.
func appendEvents(b, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		kind, _, _ := bytes.Cut(line[len(typeHead):], []byte{'"'})
		b = append(append(append(b, "event: "...), kind...), "\ndata: "...)
		b = append(append(b, line...), '\n')
	}
	return b
}
