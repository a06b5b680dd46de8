package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Recipient is what became of a message for one user.
type Recipient struct {
	User    string     `json:"user"`
	State   string     `json:"state"`
	At      *time.Time `json:"at,omitempty"`
	Rule    string     `json:"rule,omitempty"`
	Policy  string     `json:"policy,omitempty"`
	Version uint64     `json:"version,omitempty"`
	Arm     string     `json:"arm,omitempty"`     // of a campaign
	Message string     `json:"message,omitempty"` // likewise
}

// Recipients calls fn with each user whom a message is for, or of these the ones in a state,
// until it returns an error. It needs the scope support or admin.
func (c *Client) Recipients(ctx context.Context, message, state string, fn func(*Recipient) error) error {
	return c.recipients(ctx, "/v1/messages/"+url.PathEscape(message)+"/recipients", url.Values{}, state, fn)
}

// CampaignRecipients is Recipients of a campaign's round, 0: the last, and arm, empty: all.
func (c *Client) CampaignRecipients(ctx context.Context, id string, round uint32, arm, state string, fn func(*Recipient) error) error {
	q := url.Values{}
	if round != 0 {
		q.Set("round", strconv.FormatUint(uint64(round), 10))
	}
	if arm != "" {
		q.Set("arm", arm)
	}
	return c.recipients(ctx, CampaignTexts.path(id)+"/recipients", q, state, fn)
}

func (c *Client) recipients(ctx context.Context, path string, q url.Values, state string, fn func(*Recipient) error) error {
	if state != "" {
		q.Set("state", state)
	}
	q.Set("limit", "200")
	for {
		var page struct {
			Recipients []Recipient `json:"recipients"`
			Next       string      `json:"next"`
		}
		req, err := c.request(ctx, http.MethodGet, path, q, nil)
		if err == nil {
			err = c.do(ctx, req, &page)
		}
		if err != nil {
			return err
		}
		for i := range page.Recipients {
			if err := fn(&page.Recipients[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Set("next", page.Next)
	}
}
