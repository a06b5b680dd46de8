package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Segment is a version of an expression that users' profiles match.
type Segment struct {
	Name      string    `json:"name"`
	Where     string    `json:"where"`
	Version   uint64    `json:"version"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
}

func segmentPath(name string) string { return "/v1/segments/" + url.PathEscape(name) }

// PutSegment saves an expression under a name. It needs the scope author or admin.
func (c *Client) PutSegment(ctx context.Context, name, where string) (Segment, error) {
	var out Segment
	body, err := json.Marshal(map[string]string{"where": where})
	if err != nil {
		return out, err
	}
	req, err := c.request(ctx, http.MethodPut, segmentPath(name), nil, body)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}

// Segment returns a version of a segment; 0: the current one.
func (c *Client) Segment(ctx context.Context, name string, version uint64) (Segment, error) {
	var out Segment
	q := url.Values{}
	if version > 0 {
		q.Set("version", strconv.FormatUint(version, 10))
	}
	req, err := c.request(ctx, http.MethodGet, segmentPath(name), q, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}

// Segments returns all segments of the app, by name.
func (c *Client) Segments(ctx context.Context) ([]Segment, error) {
	all := []Segment{}
	q := url.Values{"limit": {"200"}}
	for {
		var page struct {
			Segments []Segment `json:"segments"`
			Next     string    `json:"next"`
		}
		req, err := c.request(ctx, http.MethodGet, "/v1/segments", q, nil)
		if err != nil {
			return nil, err
		}
		if err := c.do(ctx, req, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Segments...)
		if page.Next == "" {
			return all, nil
		}
		q.Set("next", page.Next)
	}
}

// RemoveSegment deletes a segment. It needs the scope author or admin.
func (c *Client) RemoveSegment(ctx context.Context, name string) error {
	req, err := c.request(ctx, http.MethodDelete, segmentPath(name), nil, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}

// A Preview is whom an expression finds.
type Preview struct {
	Count *int     `json:"count,omitempty"`
	Users []string `json:"users"`
	Pos   uint64   `json:"pos"` // of the broadcast log
}

// PreviewSegment returns whom the segment of a name finds, or, with where, an
// expression that is not saved; with count how many there are.
func (c *Client) PreviewSegment(ctx context.Context, name, where string, count bool) (Preview, error) {
	var out Preview
	method, path, body := http.MethodGet, segmentPath(name)+"/preview", []byte(nil)
	if where != "" {
		var err error
		if body, err = json.Marshal(map[string]string{"where": where}); err != nil {
			return out, err
		}
		method, path = http.MethodPost, "/v1/segments/preview"
	}
	req, err := c.request(ctx, method, path, url.Values{"count": {strconv.FormatBool(count)}}, body)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}
