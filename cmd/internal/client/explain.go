package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// An Explanation is what was decided about a message for one user, and what came of it.
type Explanation struct {
	User      string           `json:"user"`
	Message   string           `json:"message"`
	Decisions []DecisionOnUser `json:"decisions"`
	Outcome   struct {
		State string `json:"state"`
		Text  string `json:"text"`
	} `json:"outcome"`
	Reaches struct {
		Journal uint64     `json:"journal"`
		Since   *time.Time `json:"since,omitempty"`
		Log     uint64     `json:"log,omitempty"`
	} `json:"reaches,omitzero"`
	Campaign *Part `json:"campaign,omitempty"` // that has sent the message; nil: none has, or the user asks
}

// A Part is the one that a user has in a round of a campaign.
type Part struct {
	Name    string `json:"name"`
	Round   uint32 `json:"round"`
	HeldOut bool   `json:"held_out"`
	Arm     string `json:"arm,omitempty"`
}

// A DecisionOnUser is one step of an Explanation.
type DecisionOnUser struct {
	At        time.Time  `json:"at"`
	Seq       uint64     `json:"seq,omitempty"`
	Pos       uint64     `json:"pos,omitempty"`
	What      string     `json:"what"`
	Rule      string     `json:"rule,omitempty"`
	Value     string     `json:"value,omitempty"`
	Policy    string     `json:"policy,omitempty"`
	Version   uint64     `json:"version,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	Transport string     `json:"transport,omitempty"`
	Digest    string     `json:"digest,omitempty"`
	By        string     `json:"by,omitempty"`
}

// Explain tells why a user did or did not get a message. It needs the scope support or admin,
// or the user's token.
func (c *Client) Explain(ctx context.Context, user, message string) (Explanation, error) {
	return c.explain(ctx, user, url.Values{"message": {message}})
}

// ExplainCampaign is Explain of what the user gets of a campaign's round; 0: the last. It needs
// the scope support or admin.
func (c *Client) ExplainCampaign(ctx context.Context, user, campaign string, round uint32) (Explanation, error) {
	q := url.Values{"campaign": {campaign}}
	if round != 0 {
		q.Set("round", strconv.FormatUint(uint64(round), 10))
	}
	return c.explain(ctx, user, q)
}

func (c *Client) explain(ctx context.Context, user string, q url.Values) (Explanation, error) {
	var out Explanation
	req, err := c.request(ctx, http.MethodGet, "/v1/users/"+url.PathEscape(user)+"/explain", q, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}
