package client

import (
	"context"
	"net/http"
	"net/url"
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
	} `json:"reaches"`
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
	var out Explanation
	req, err := c.request(ctx, http.MethodGet, "/v1/users/"+url.PathEscape(user)+"/explain", url.Values{"message": {message}}, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}
