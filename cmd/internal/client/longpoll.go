package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// pollWait is how long a poll is parked, in seconds.
const pollWait = 25

// followLongPoll polls until an error comes. The first answer, without a
// cursor, is where the user stands.
func (c *Client) followLongPoll(ctx context.Context, w *watcher) error {
	for {
		if _, err := c.poll(ctx, w, pollWait); err != nil {
			return err
		}
	}
}

// poll asks once, and waits for at most so many seconds. It tells whether there
// is more already.
func (c *Client) poll(ctx context.Context, w *watcher, wait int) (more bool, err error) {
	q := url.Values{"timeout": {fmt.Sprint(wait)}}
	if w.After != "" {
		q.Set("after", w.After)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(wait)*time.Second+c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, userPath(w.User, "/wait"), q, nil)
	if err != nil {
		return false, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return false, c.unreachable(err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		w.fresh = true
		return false, nil
	default:
		return false, readProblem(res)
	}
	var answer struct {
		Events []json.RawMessage `json:"events"`
		Counts json.RawMessage   `json:"counts"`
		Cursor string            `json:"cursor"`
		More   bool              `json:"more"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&answer); err != nil {
		return false, fmt.Errorf("an answer cannot be read: %w", err)
	}
	if len(answer.Events) == 0 && w.After == "" {
		greeting, err := json.Marshal(map[string]any{"type": "counts", "cursor": answer.Cursor, "counts": answer.Counts})
		if err != nil {
			return false, err
		}
		answer.Events = []json.RawMessage{greeting}
	}
	for _, e := range answer.Events {
		if err := w.take(e); err != nil {
			return false, err
		}
	}
	if answer.Cursor != "" {
		w.After = answer.Cursor
	}
	return answer.More, nil
}
