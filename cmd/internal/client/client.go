package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxBody bounds an answer, in bytes. A page of the largest inbox is smaller.
const maxBody = 64 << 20

// A Config says which server to talk to, and as whom.
type Config struct {
	URL     string        // http or https, with or without a path before /v1
	Key     string        // a server key or a user's token; empty: none, as with serve --dev
	Timeout time.Duration // of a request; 0: 30 s
	Agent   string        // User-Agent; empty: reddot
}

// A Client talks to one server. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
}

// New returns a Client. It connects to nothing yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a server; write http://127.0.0.1:7777", cfg.URL)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Agent == "" {
		cfg.Agent = "reddot"
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{
		// A redirect would take the key to another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// A Problem is a refusal by the server (RFC 9457).
type Problem struct {
	Status     int    `json:"status"`
	Code       string `json:"code"` // stable: invalid, not_found, …
	Detail     string `json:"detail"`
	Title      string `json:"title"`
	Field      string `json:"field"`
	RetryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	if s == "" {
		s = http.StatusText(p.Status)
	}
	if p.Field != "" && !strings.HasPrefix(s, p.Field+":") {
		s = p.Field + ": " + s
	}
	if p.Code != "" {
		s += " (" + p.Code + ")"
	}
	return s
}

// Temporary tells whether the same request may succeed later.
func (p *Problem) Temporary() bool { return p.Status == http.StatusTooManyRequests || p.Status >= 500 }

// An UnreachableError says that no answer came.
type UnreachableError struct {
	URL   string
	Cause error
}

// Error implements error.
func (e *UnreachableError) Error() string {
	switch {
	case errors.Is(e.Cause, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s; is reddot serve running there? (--url or REDDOT_URL names another server)", e.URL)
	case errors.Is(e.Cause, context.DeadlineExceeded):
		return fmt.Sprintf("no answer from %s in time", e.URL)
	}
	return fmt.Sprintf("%s cannot be reached: %v", e.URL, e.Cause)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Cause }

// Temporary tells whether the request may have arrived, or may yet: not where
// nothing listens.
func (e *UnreachableError) Temporary() bool { return !errors.Is(e.Cause, syscall.ECONNREFUSED) }

// unreachable wraps what http.Client says; of its own URL, which may hold
// parameters, only the base is shown.
func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &UnreachableError{URL: c.base.String(), Cause: err}
}

// request builds a request for the path, whose parts are escaped already.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := c.base.String() + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	req.Header.Set("User-Agent", c.cfg.Agent)
	return req, nil
}

// do sends the request and decodes the answer into out, if it is not nil.
func (c *Client) do(ctx context.Context, req *http.Request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return readProblem(res)
	}
	if out == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return c.unreachable(err)
	case len(b) > maxBody:
		return fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s does not answer as a reddot server: %w", c.base, err)
	}
	return nil
}

// readProblem reads a refusal. What is no problem document keeps its status.
func readProblem(res *http.Response) error {
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || json.Unmarshal(b, p) != nil {
		*p = Problem{Detail: fmt.Sprintf("the server answers %s", res.Status)}
	}
	p.Status = res.StatusCode
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 && s < 86400 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
}

// userPath returns the path of something of the user's.
func userPath(user, rest string) string { return "/v1/users/" + url.PathEscape(user) + rest }
