package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

func listPath(name string) string { return "/v1/lists/" + url.PathEscape(name) }

// A Member is what came of one user who was to be put into a list, or taken out.
type Member struct {
	User   string
	Failed *Problem // nil: it is done
}

// ChangeList puts users into a list, or takes them out with leave, and returns what came
// of each, in their order. All may be sent again: who is in stays in. It needs the scope
// author or admin.
func (c *Client) ChangeList(ctx context.Context, name string, leave bool, users []string) ([]Member, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	path := listPath(name)
	if leave {
		path += "/remove"
	}
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, user := range users {
		if err := lines.Encode(map[string]string{"user": user}); err != nil {
			return nil, err
		}
	}
	req, err := c.request(ctx, http.MethodPost, path, nil, body.Bytes())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := c.open(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var done []Member
	err = c.readLines(res.Body, func(line []byte) error {
		p := &Problem{}
		if err := json.Unmarshal(line, p); err != nil {
			return fmt.Errorf("%s does not answer as a reddot server: %w", c.base, err)
		}
		if p.Code == "" {
			p = nil
		}
		if len(done) < len(users) {
			done = append(done, Member{users[len(done)], p})
		}
		return nil
	})
	if err == nil && len(done) < len(users) {
		err = fmt.Errorf("%s does not answer as a reddot server: %d users were sent, and %d results came", c.base, len(users), len(done))
	}
	return done, err
}

// List calls each with the users of a list, in an order of the server's own.
func (c *Client) List(ctx context.Context, name string, each func(user string) error) error {
	return c.userLines(ctx, listPath(name), func(user string, _ []byte) error { return each(user) })
}

// CountList returns how many users a list has.
func (c *Client) CountList(ctx context.Context, name string) (int, error) {
	req, err := c.request(ctx, http.MethodGet, listPath(name)+"/count", nil, nil)
	if err != nil {
		return 0, err
	}
	var out struct {
		Count int `json:"count"`
	}
	err = c.do(ctx, req, &out)
	return out.Count, err
}

// EmptyList takes all users out of a list, and returns how many those were. It needs the
// scope author or admin.
func (c *Client) EmptyList(ctx context.Context, name string) (removed int, err error) {
	for {
		req, err := c.request(ctx, http.MethodDelete, listPath(name), nil, nil)
		if err != nil {
			return removed, err
		}
		var out struct {
			Removed int  `json:"removed"`
			More    bool `json:"more"`
		}
		if err := c.do(ctx, req, &out); err != nil {
			return removed, err
		}
		removed += out.Removed
		switch {
		case !out.More:
			return removed, nil
		case out.Removed == 0:
			return removed, &Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "the server could not take the rest of the users out of the list"}
		}
	}
}
