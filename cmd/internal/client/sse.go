package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// followSSE is one connection by server-sent events (WHATWG HTML, section 9.2).
func (c *Client) followSSE(ctx context.Context, w *watcher) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := c.request(ctx, http.MethodGet, userPath(w.User, "/stream"), nil, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if w.After != "" {
		req.Header.Set("Last-Event-ID", w.After)
	}
	res, err := c.open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dead := time.AfterFunc(silence, func() { cancel(errors.New("the stream went silent")) })
	defer dead.Stop()
	err = readSSE(io.TeeReader(res.Body, wakeful(func() { dead.Reset(silence) })), w)
	switch {
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return errEnded
	}
	return err
}

// wakeful is a writer that only notices that something comes.
type wakeful func()

// Write implements io.Writer.
func (f wakeful) Write(b []byte) (int, error) {
	f()
	return len(b), nil
}

// readSSE takes the events of a stream until it ends.
func readSSE(r io.Reader, w *watcher) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	var data strings.Builder
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if data.Len() > 0 {
				if err := w.take([]byte(data.String())); err != nil {
					return err
				}
			}
			data.Reset()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			if data.Len() > 0 {
				data.WriteByte('\n')
			}
			if data.Len()+len(value) > maxEvent {
				return bufio.ErrTooLong
			}
			data.WriteString(value)
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil && ms > 0 {
				w.retry = min(time.Duration(ms)*time.Millisecond, lastPause)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
