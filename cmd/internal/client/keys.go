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
	ID         string     `json:"id"`
	App        string     `json:"app"`
	Name       string     `json:"name,omitempty"`
	Scopes     []string   `json:"scopes"`
	Addresses  []string   `json:"addresses,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	Text       string     `json:"key,omitempty"` // only when it was made
}

// A KeyOrder says which key is to be made.
type KeyOrder struct {
	App       string     `json:"app,omitempty"` // for operators, who make keys of any app
	Name      string     `json:"name,omitempty"`
	Scopes    []string   `json:"scopes"`
	Addresses []string   `json:"addresses,omitempty"` // where it may come from
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// CreateKey makes a server key. It needs the scope admin, or operator.
func (c *Client) CreateKey(ctx context.Context, o KeyOrder) (Key, error) {
	var out Key
	body, err := json.Marshal(o)
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

// Keys returns all server keys of the app, the oldest first, without their
// texts. An empty app is that of the key that asks.
func (c *Client) Keys(ctx context.Context, app string) ([]Key, error) {
	var all []Key
	q := url.Values{"limit": {"200"}}
	if app != "" {
		q.Set("app", app)
	}
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

// RevokeKey ends a server key of the app at once; remove lets the server forget
// it, too. An empty app is that of the key that asks.
func (c *Client) RevokeKey(ctx context.Context, app, id string, remove bool) error {
	q := url.Values{}
	if app != "" {
		q.Set("app", app)
	}
	if remove {
		q.Set("remove", "true")
	}
	req, err := c.request(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), q, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}
