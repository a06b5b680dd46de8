package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A Category is what an app says of the messages with a label.
type Category struct {
	ID        string            `json:"id"`
	Names     map[string]string `json:"names,omitempty"`
	Channels  map[string]bool   `json:"channels,omitempty"`
	Locked    bool              `json:"locked"`
	Marketing bool              `json:"marketing"`
	Version   uint64            `json:"version"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
}

func categoryPath(id string) string { return "/v1/categories/" + url.PathEscape(id) }

// PutCategory saves what the JSON says of a category. It needs the scope author or admin.
func (c *Client) PutCategory(ctx context.Context, id string, body []byte) (out Category, err error) {
	return out, c.ask(ctx, http.MethodPut, categoryPath(id), nil, body, &out)
}

// Categories returns all categories of the app, by id.
func (c *Client) Categories(ctx context.Context) ([]Category, error) {
	return all[Category](ctx, c, "/v1/categories", "categories")
}

// RemoveCategory deletes a category. It needs the scope author or admin.
func (c *Client) RemoveCategory(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, categoryPath(id), nil, nil, nil)
}

// ask makes a request, and decodes its answer into out if there is one.
func (c *Client) ask(ctx context.Context, method, path string, q url.Values, body []byte, out any) error {
	req, err := c.request(ctx, method, path, q, body)
	if err != nil {
		return err
	}
	return c.do(ctx, req, out)
}

// all returns the members of all pages of a list.
func all[T any](ctx context.Context, c *Client, path, member string) ([]T, error) {
	list := []T{}
	q := url.Values{"limit": {"200"}}
	for {
		var page map[string]json.RawMessage
		if err := c.ask(ctx, http.MethodGet, path, q, nil, &page); err != nil {
			return nil, err
		}
		var some []T
		if err := json.Unmarshal(page[member], &some); err != nil {
			return nil, err
		}
		list = append(list, some...)
		next := ""
		if page["next"] != nil {
			if err := json.Unmarshal(page["next"], &next); err != nil {
				return nil, err
			}
		}
		if next == "" {
			return list, nil
		}
		q.Set("next", next)
	}
}
