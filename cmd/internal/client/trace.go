package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// A Happening is an event of a trace.
type Happening struct {
	Type     string     `json:"type"` // tracing, dropped, end; else what has happened
	At       *time.Time `json:"at,omitempty"`
	Node     string     `json:"node,omitempty"`
	User     string     `json:"user,omitempty"`
	Topic    string     `json:"topic,omitempty"`
	Campaign string     `json:"campaign,omitempty"`
	ID       string     `json:"id,omitempty"`
	IDs      []string   `json:"ids,omitempty"`
	What     string     `json:"what,omitempty"`

	Connections []string `json:"connections,omitempty"`
	Why         string   `json:"why,omitempty"`     // of an end
	Dropped     uint64   `json:"dropped,omitempty"` // of an end

	Raw json.RawMessage `json:"-"` // all of it
}

// Trace calls fn with what happens to what is traced, one of user, connection, message, topic
// and campaign, until the trace ends, which it does by itself, or fn returns an error. It needs
// the scope support or admin.
func (c *Client) Trace(ctx context.Context, what, name string, lasts time.Duration, fn func(*Happening) error) error {
	q := url.Values{what: {name}, "seconds": {strconv.Itoa(int((lasts + time.Second - 1) / time.Second))}}
	over := false
	err := c.streamLines(ctx, "/v1/trace", q, func(line []byte) error {
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			return nil
		}
		h := &Happening{Raw: append(json.RawMessage(nil), data...)}
		if err := json.Unmarshal(data, h); err != nil {
			return fmt.Errorf("an event cannot be read: %w", err)
		}
		over = over || h.Type == "end"
		return fn(h)
	})
	if err == nil && !over {
		err = errors.New("the trace was cut off before its end")
	}
	return err
}
