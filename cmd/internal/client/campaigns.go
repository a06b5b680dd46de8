package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// A Campaign is a version of one, and how it stands.
type Campaign struct {
	Reviewed

	// What it says, of one that was asked for by name.
	To       json.RawMessage `json:"to,omitempty"`
	Message  json.RawMessage `json:"message,omitempty"`
	Arms     json.RawMessage `json:"arms,omitempty"`
	Holdout  float64         `json:"holdout,omitempty"`
	Schedule json.RawMessage `json:"schedule,omitempty"`
	Pace     int             `json:"pace,omitempty"`

	Run *Run `json:"run,omitempty"` // nil: it was not started
}

// A Run is how a campaign stands that was started.
type Run struct {
	State     string     `json:"state"`
	Version   uint64     `json:"version"`
	StartedAt time.Time  `json:"started_at"`
	StartedBy string     `json:"started_by"`
	NextRound *time.Time `json:"next_round_at,omitempty"`
	Broadcast bool       `json:"broadcast"`
	HeldOut   uint64     `json:"held_out"`
	Failed    uint64     `json:"failed"`
	Rounds    []struct {
		Number  uint32     `json:"number"`
		BeganAt time.Time  `json:"began_at"`
		EndedAt *time.Time `json:"ended_at,omitempty"`
		Users   uint64     `json:"users,omitempty"`
		IDs     []string   `json:"messages"`
	} `json:"rounds"`
	Arms []struct {
		Name   string           `json:"name"`
		Weight uint32           `json:"weight"`
		Users  uint64           `json:"users,omitempty"`
		Funnel map[string]int64 `json:"funnel"`
	} `json:"arms"`
}

// Campaigns returns the newest version of each campaign of the app, by id.
func (c *Client) Campaigns(ctx context.Context) ([]Campaign, error) {
	return all[Campaign](ctx, c, "/v1/campaigns", "campaigns")
}

// Campaign returns a version of a campaign, and how the campaign stands; 0: the newest.
func (c *Client) Campaign(ctx context.Context, id string, version uint64) (out Campaign, err error) {
	return out, c.readText(ctx, CampaignTexts, id, version, &out)
}

// StartCampaign lets an approved version begin; 0: the newest. It needs the scope approve or
// admin.
func (c *Client) StartCampaign(ctx context.Context, id string, version uint64) (out Run, err error) {
	body, err := json.Marshal(Move{Version: version})
	if err != nil {
		return out, err
	}
	return out, c.ask(ctx, http.MethodPost, CampaignTexts.path(id)+"/start", nil, body, &out)
}

// SteerCampaign lets a campaign pause, resume, cancel or retract.
func (c *Client) SteerCampaign(ctx context.Context, id, to string) (out Run, err error) {
	return out, c.ask(ctx, http.MethodPost, CampaignTexts.path(id)+"/"+to, nil, nil, &out)
}
