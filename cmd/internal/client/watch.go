package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// A Transport is a way to follow a user's events.
type Transport string

// The transports of Watch.
const (
	SSE       Transport = "sse"
	WebSocket Transport = "ws"
	LongPoll  Transport = "longpoll"
)

// An Event is one event of a user, the same on every transport.
type Event struct {
	Type    string          `json:"type"` // message, counts, state, update, retract, topic, reset, drain
	Cursor  string          `json:"cursor"`
	Counts  *Counts         `json:"counts,omitempty"`
	Message *Message        `json:"message,omitempty"`
	IDs     []string        `json:"ids,omitempty"`
	State   string          `json:"state,omitempty"`
	RetryMS int             `json:"retry_ms,omitempty"`
	Raw     json.RawMessage `json:"-"` // as it came
}

// The pauses between attempts to connect again.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	// silence is how long a stream may say nothing, heartbeats included,
	// before it is taken for dead.
	silence = 60 * time.Second
	// maxEvent bounds one event, in bytes.
	maxEvent = 4 << 20
)

// A Watch follows one user's events.
type Watch struct {
	User      string
	Transport Transport // empty: SSE
	Broker    string    // the URL of MQTT: mqtt://, mqtts://, ws:// or wss://
	After     string    // a cursor; empty: from now on
	// Event takes each event. An error that it returns ends the watch.
	Event func(Event) error
	// Retry is told why the connection was lost, and when the next attempt
	// comes. Nil: nobody is.
	Retry func(err error, in time.Duration)
}

// errEnded says that the server closed the connection in good order.
var errEnded = errors.New("the server ended the connection")

// follow is one connection: it calls w.take until the connection ends.
type follow func(ctx context.Context, w *watcher) error

// Watch follows the user's events until ctx ends, whose error it then returns,
// or until the server refuses for good. It connects again after each loss, and
// goes on behind the last event that it saw: none is missed, none comes twice.
func (c *Client) Watch(ctx context.Context, w Watch) error {
	follows := map[Transport]follow{"": c.followSSE, SSE: c.followSSE, WebSocket: c.followWebSocket, LongPoll: c.followLongPoll, MQTT: c.followMQTT}
	connect, ok := follows[w.Transport]
	if !ok {
		return fmt.Errorf("%q is no transport; there are sse, ws, longpoll and mqtt", w.Transport)
	}
	state := &watcher{Watch: w}
	pause := firstPause
	for {
		state.fresh = false
		err := connect(ctx, state)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case state.failed != nil:
			return state.failed
		case final(err):
			return err
		}
		if state.fresh {
			pause = firstPause
		}
		in := pause/2 + rand.N(pause/2+1)
		if state.retry > 0 {
			in, state.retry = state.retry, 0
		}
		if w.Retry != nil {
			w.Retry(err, in)
		}
		if err := sleep(ctx, in); err != nil {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// final tells whether another attempt would end as this one.
func final(err error) bool {
	var p *Problem
	return errors.As(err, &p) && !p.Temporary()
}

// A watcher is what a Watch remembers from one connection to the next.
type watcher struct {
	Watch
	fresh  bool          // this connection has brought something
	retry  time.Duration // the pause that the server asked for
	failed error         // what Event returned
}

// take passes on an event's JSON.
func (w *watcher) take(raw []byte) error {
	var e Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("an event cannot be read: %w", err)
	}
	e.Raw = append(json.RawMessage(nil), raw...)
	w.fresh = true
	if e.Cursor != "" {
		w.After = e.Cursor
	}
	if e.Type == "drain" && e.RetryMS > 0 {
		w.retry = min(time.Duration(e.RetryMS)*time.Millisecond, lastPause)
	}
	if err := w.Event(e); err != nil {
		w.failed = err
		return err
	}
	return nil
}

// open requests a stream and returns its answer, which the caller closes.
func (c *Client) open(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, readProblem(res)
	}
	return res, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
