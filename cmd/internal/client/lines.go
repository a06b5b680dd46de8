package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxLine bounds a line of a streamed answer, in bytes.
const maxLine = 4 << 20

// readLines gives each every line of a streamed answer, without its end. What breaks off
// within a line is no line.
func (c *Client) readLines(r io.Reader, each func([]byte) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	in.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, false)
		if n == 0 && atEOF && len(data) > 0 {
			return 0, nil, io.ErrUnexpectedEOF
		}
		return n, line, err
	})
	for in.Scan() {
		if err := each(in.Bytes()); err != nil {
			return err
		}
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("a line of the answer has more than %d bytes", maxLine)
	case err != nil:
		return c.unreachable(err)
	}
	return nil
}

// The attempts to go on with an answer that breaks off, of which none brings a line.
const (
	lineAttempts = 5
	linePause    = 200 * time.Millisecond
)

// userLines gives each the lines of an answer that lists users. Where it breaks off, or
// the server is busy, it goes on behind the last user that it saw: none is missing, none
// comes twice.
func (c *Client) userLines(ctx context.Context, path string, each func(user string, line []byte) error) error {
	q := url.Values{}
	var failed error // what each returned
	take := func(line []byte) error {
		var l struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal(line, &l); err != nil || l.User == "" {
			return fmt.Errorf("%s does not answer as a reddot server: a line names no user", c.base)
		}
		q.Set("after", l.User)
		failed = each(l.User, line)
		return failed
	}
	for attempt := 1; ; attempt++ {
		before := q.Get("after")
		err := c.streamLines(ctx, path, q, take)
		if q.Get("after") != before {
			attempt = 1
		}
		var broken interface{ Temporary() bool }
		if err == nil || failed != nil || attempt == lineAttempts || !errors.As(err, &broken) || !broken.Temporary() {
			return err
		}
		wait := time.Duration(attempt) * linePause
		var p *Problem
		if errors.As(err, &p) {
			wait = max(wait, p.RetryAfter)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// streamLines asks once. It takes the time that it takes: ctx ends it.
func (c *Client) streamLines(ctx context.Context, path string, q url.Values, each func([]byte) error) error {
	req, err := c.request(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	res, err := c.open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.readLines(res.Body, each)
}
