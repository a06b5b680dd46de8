package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A Key describes a server key.
type Key struct {
	ID        string     `json:"id"`
	App       string     `json:"app"`
	Name      string     `json:"name,omitempty"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Text      string     `json:"key,omitempty"` // only when it was made
}

// CreateKey makes a server key. It needs the scope admin.
func (c *Client) CreateKey(ctx context.Context, name string, scopes []string) (Key, error) {
	var out Key
	body, err := json.Marshal(map[string]any{"name": name, "scopes": scopes})
	if err != nil {
		return out, err
	}
	req, err := c.request(ctx, http.MethodPost, "/v1/keys", nil, body)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}

// Keys returns all server keys, the oldest first, without their texts.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	var all []Key
	q := url.Values{"limit": {"200"}}
	for {
		var page struct {
			Keys []Key  `json:"keys"`
			Next string `json:"next"`
		}
		req, err := c.request(ctx, http.MethodGet, "/v1/keys", q, nil)
		if err != nil {
			return nil, err
		}
		if err := c.do(ctx, req, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Keys...)
		if page.Next == "" || len(page.Keys) == 0 {
			return all, nil
		}
		q.Set("next", page.Next)
	}
}

// RevokeKey ends a server key at once.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	req, err := c.request(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}
