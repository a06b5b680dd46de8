package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Profile returns what is known of the user: with part "" the profile, else
// "preferences" or "follows".
func (c *Client) Profile(ctx context.Context, user, part string) (json.RawMessage, error) {
	req, err := c.request(ctx, http.MethodGet, profilePath(user, part), nil, nil)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = c.do(ctx, req, &out)
	return out, err
}

// SetProfile writes a part of what is known of the user, as Profile, by PUT or PATCH,
// and returns what it is then.
func (c *Client) SetProfile(ctx context.Context, method, user, part string, body []byte) (json.RawMessage, error) {
	req, err := c.request(ctx, method, profilePath(user, part), nil, body)
	if err != nil {
		return nil, err
	}
	var out json.RawMessage
	err = c.do(ctx, req, &out)
	return out, err
}

func profilePath(user, part string) string {
	if part != "" {
		part = "/" + part
	}
	return userPath(user, part)
}

// Erase erases the user.
func (c *Client) Erase(ctx context.Context, user string) error {
	req, err := c.request(ctx, http.MethodDelete, userPath(user, ""), nil, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}

// Export writes all that is known of the user to w, a JSON object. It takes the time
// that it takes: ctx ends it. After an error what was written is not the whole.
func (c *Client) Export(ctx context.Context, user string, w io.Writer) error {
	req, err := c.request(ctx, http.MethodGet, userPath(user, "/export"), nil, nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return readProblem(res)
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("the export was cut off, and is not whole: %w", err)
	}
	return nil
}
