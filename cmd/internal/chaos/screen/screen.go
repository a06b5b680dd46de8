package screen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"reddot/cmd/internal/load/frames"
)

// The transports.
const (
	Poll      = "poll"
	LongPoll  = "longpoll"
	Iframe    = "iframe"
	SSE       = "sse"
	WebSocket = "ws"
)

// Counts are the counts of a user.
type Counts struct {
	Unread     int            `json:"unread"`
	Unseen     int            `json:"unseen"`
	ByCategory map[string]int `json:"by_category"`
	ByTenant   map[string]int `json:"by_tenant"` // nil: tenants are not used
	Rev        uint64         `json:"rev"`
	Cursor     string         `json:"cursor"` // of GET /counts
}

// An Event is what a transport tells of a user.
type Event struct {
	Type   string   `json:"type"`
	Cursor string   `json:"cursor"`
	Counts *Counts  `json:"counts"` // nil: it came without
	IDs    []string `json:"ids"`
	State  string   `json:"state"`
	// Replaces are the messages whose place the one takes that the event brings.
	Replaces []string `json:"replaces"`
	Message  struct {
		ID   string `json:"id"`
		Body string `json:"body"`
	} `json:"message"`
}

// ErrNotModified says that a long poll has waited in vain.
var ErrNotModified = errors.New("nothing new")

// A RefusedError is an answer that is no stream and no counts.
type RefusedError struct {
	URL    string
	Status int
	Body   string // the first kilobyte
}

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %d %s", e.URL, e.Status, e.Body) }

// An UnreadableError is something on a stream that is no event.
type UnreadableError struct {
	Text string
	Err  error
}

// Error implements error.
func (e *UnreadableError) Error() string { return fmt.Sprintf("%v in %q", e.Err, e.Text) }

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }

const (
	dialTime = 3 * time.Second
	maxEvent = 4 << 20 // bytes
)

// A Screen connects as one user.
type Screen struct {
	HTTP *http.Client // without keep-alives, so that each connection is one
	Key  string       // sent as Bearer; "": none
}

// Connect takes events by the transport, at the URL of the user, from behind the
// cursor, or from now on without one. A stream lasts until it breaks or ctx ends; a
// poll asks once, a long poll for two seconds at most.
func (s *Screen) Connect(ctx context.Context, user, transport, cursor string, take func(Event)) error {
	after := url.Values{}
	if cursor != "" {
		after.Set("after", cursor)
	}
	switch transport {
	case Poll:
		return s.poll(ctx, user, take)
	case LongPoll:
		return s.Wait(ctx, user, cursor, 2, take)
	case SSE:
		return s.stream(ctx, at(user, "/stream", after), &frames.SSE{}, take)
	case Iframe:
		after.Set("origin", "http://127.0.0.1")
		return s.stream(ctx, at(user, "/iframe", after), &frames.Iframe{}, take)
	case WebSocket:
		return s.webSocket(ctx, at(user, "/ws", after), take)
	}
	return fmt.Errorf("%q is no transport", transport)
}

func at(user, path string, query url.Values) string {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return user + path
}

func (s *Screen) poll(ctx context.Context, user string, take func(Event)) error {
	var n Counts
	if err := s.json(ctx, user+"/counts", &n); err != nil {
		return err
	}
	take(Event{Type: "counts", Cursor: n.Cursor, Counts: &n})
	return nil
}

// Wait is one long poll, for so many seconds at most. It returns ErrNotModified if
// nothing came, and else takes the counts of then as the last event.
func (s *Screen) Wait(ctx context.Context, user, cursor string, seconds int, take func(Event)) error {
	query := url.Values{"timeout": {strconv.Itoa(seconds)}}
	if cursor != "" {
		query.Set("after", cursor)
	}
	var answer struct {
		Events []Event `json:"events"`
		Counts Counts  `json:"counts"`
		Cursor string  `json:"cursor"`
	}
	if err := s.json(ctx, at(user, "/wait", query), &answer); err != nil {
		return err
	}
	for _, e := range answer.Events {
		take(e)
	}
	take(Event{Type: "counts", Cursor: answer.Cursor, Counts: &answer.Counts})
	return nil
}

func (s *Screen) json(ctx context.Context, url string, out any) error {
	body, err := s.open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return json.NewDecoder(body).Decode(out)
}

// open returns the body of a good answer, which the caller closes.
func (s *Screen) open(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	s.sign(req.Header)
	res, err := s.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotModified {
		return nil, ErrNotModified
	}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
	return nil, &RefusedError{URL: url, Status: res.StatusCode, Body: string(raw)}
}

func (s *Screen) sign(h http.Header) {
	if s.Key != "" {
		h.Set("Authorization", "Bearer "+s.Key)
	}
}

// stream takes the events of a body without end. An event that was cut off is none.
func (s *Screen) stream(ctx context.Context, url string, framer frames.Framer, take func(Event)) error {
	body, err := s.open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	to := &sink{take: take}
	buf := make([]byte, 1<<14)
	for {
		n, err := body.Read(buf)
		if bad := framer.Feed(buf[:n], to); bad != nil && to.err == nil {
			to.err = &UnreadableError{Text: string(buf[:n]), Err: bad}
		}
		if to.err != nil {
			return to.err
		}
		if err != nil {
			return err
		}
	}
}

// A sink reads the events that a framer finds, up to the first that it can't read.
type sink struct {
	take func(Event)
	err  error
}

// Frame implements frames.Sink.
func (s *sink) Frame(data []byte) {
	if s.err == nil {
		s.err = read(data, s.take)
	}
}

// Beat implements frames.Sink.
func (s *sink) Beat() {}

// Ping implements frames.Sink.
func (s *sink) Ping([]byte) {}

// read takes an event's JSON.
func read(data []byte, take func(Event)) error {
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return &UnreadableError{Text: string(data), Err: err}
	}
	take(e)
	return nil
}

func (s *Screen) webSocket(ctx context.Context, url string, take func(Event)) error {
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	head := http.Header{}
	s.sign(head)
	ws, _, err := websocket.Dial(dialing, strings.Replace(url, "http", "ws", 1),
		&websocket.DialOptions{Subprotocols: []string{"reddot.v1"}, HTTPClient: &http.Client{Transport: s.HTTP.Transport}, HTTPHeader: head})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(maxEvent)
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		if err := read(raw, take); err != nil {
			return err
		}
	}
}
