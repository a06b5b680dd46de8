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
	res, err := c.open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.copyWhole(w, res.Body)
}

// ExportUsers writes what is known of all users of the app to w, as an import takes it:
// as NDJSON, which goes on where it breaks off, or as CSV. It needs the scope admin.
// After an error what was written is not the whole.
func (c *Client) ExportUsers(ctx context.Context, format string, w io.Writer) error {
	const path = "/v1/users/export"
	if format != "csv" {
		out := bufio.NewWriterSize(w, 64<<10)
		err := c.userLines(ctx, path, func(_ string, line []byte) error {
			_, err := out.Write(line)
			return errors.Join(err, out.WriteByte('\n'))
		})
		return errors.Join(err, out.Flush())
	}
	req, err := c.request(ctx, http.MethodGet, path, url.Values{"format": {format}}, nil)
	if err != nil {
		return err
	}
	res, err := c.open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.copyWhole(w, res.Body)
}

// copyWhole copies an answer that has an end.
func (c *Client) copyWhole(w io.Writer, r io.Reader) error {
	out := &written{Writer: w}
	if _, err := io.Copy(out, r); err != nil && out.err == nil {
		return fmt.Errorf("the export was cut off, and is not whole: %w", c.unreachable(err))
	}
	return out.err
}

// written remembers why it could not be written.
type written struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (w *written) Write(b []byte) (n int, err error) {
	n, w.err = w.Writer.Write(b)
	return n, w.err
}
