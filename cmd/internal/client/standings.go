package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// A Standing is what an app says of a user: that it is denied messages, or allowed them.
type Standing struct {
	Category string    `json:"category,omitempty"` // empty: all
	Channel  string    `json:"channel,omitempty"`  // empty: all
	Reason   string    `json:"reason,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	By       string    `json:"by,omitempty"` // of an answer
}

// standingPath is that of a side, deny or allow.
func standingPath(side, user string) string { return "/v1/" + side + "/" + url.PathEscape(user) }

// Standings returns what is said of a user on a side, deny or allow. It needs the scope
// support or admin, as those that follow.
func (c *Client) Standings(ctx context.Context, side, user string) ([]Standing, error) {
	var out map[string][]Standing
	err := c.ask(ctx, http.MethodGet, standingPath(side, user), nil, nil, &out)
	return out[side], err
}

// PutStanding adds an entry, or replaces the one for the same category and channel.
func (c *Client) PutStanding(ctx context.Context, side, user string, s Standing) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return c.ask(ctx, http.MethodPut, standingPath(side, user), nil, body, nil)
}

// RemoveStanding takes the entry for a category and a channel away.
func (c *Client) RemoveStanding(ctx context.Context, side, user, category, channel string) error {
	return c.ask(ctx, http.MethodDelete, standingPath(side, user), url.Values{"category": {category}, "channel": {channel}}, nil, nil)
}
