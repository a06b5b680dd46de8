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
		if err := c.pollOnce(ctx, w); err != nil {
			return err
		}
	}
}

func (c *Client) pollOnce(ctx context.Context, w *watcher) error {
	q := url.Values{"timeout": {fmt.Sprint(pollWait)}}
	if w.After != "" {
		q.Set("after", w.After)
	}
	ctx, cancel := context.WithTimeout(ctx, pollWait*time.Second+c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, userPath(w.User, "/wait"), q, nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		w.fresh = true
		return nil
	default:
		return readProblem(res)
	}
	var answer struct {
		Events []json.RawMessage `json:"events"`
		Counts json.RawMessage   `json:"counts"`
		Cursor string            `json:"cursor"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&answer); err != nil {
		return fmt.Errorf("an answer cannot be read: %w", err)
	}
	if len(answer.Events) == 0 && w.After == "" {
		greeting, err := json.Marshal(map[string]any{"type": "counts", "cursor": answer.Cursor, "counts": answer.Counts})
		if err != nil {
			return err
		}
		answer.Events = []json.RawMessage{greeting}
	}
	for _, e := range answer.Events {
		if err := w.take(e); err != nil {
			return err
		}
	}
	if answer.Cursor != "" {
		w.After = answer.Cursor
	}
	return nil
}
