package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Texts are those of a kind that are sent only once they were approved.
type Texts string

// The kinds.
const (
	TemplateTexts Texts = "templates"
	CampaignTexts Texts = "campaigns"
)

func (t Texts) path(id string) string { return "/v1/" + string(t) + "/" + url.PathEscape(id) }

// Reviewed is what is known of a version, and of the whole.
type Reviewed struct {
	ID        string    `json:"id"`
	Version   uint64    `json:"version"`
	Hash      string    `json:"hash"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"` // of a rejection
	Written   Step      `json:"written"`
	Decided   *Step     `json:"decided,omitempty"`
	Live      uint64    `json:"live,omitempty"` // which version is; 0: none
	Archived  bool      `json:"archived,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
	Versions  []Version `json:"versions,omitempty"`
}

// A Step says who has done something, and when.
type Step struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// A Version is what is known of a version.
type Version struct {
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Written Step   `json:"written"`
	Decided *Step  `json:"decided,omitempty"`
}

// A Move is a step on the way from a draft to what is sent.
type Move struct {
	Version uint64 `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`   // of an approval
	Reason  string `json:"reason,omitempty"` // of a rejection
}

// readText reads a version; 0: the newest.
func (c *Client) readText(ctx context.Context, of Texts, id string, version uint64, out any) error {
	q := url.Values{}
	if version > 0 {
		q.Set("version", strconv.FormatUint(version, 10))
	}
	return c.ask(ctx, http.MethodGet, of.path(id), q, nil, out)
}

// ReadText returns what is known of a version; 0: the newest.
func (c *Client) ReadText(ctx context.Context, of Texts, id string, version uint64) (out Reviewed, err error) {
	return out, c.readText(ctx, of, id, version, &out)
}

// PutText writes a version, which is a draft. It needs the scope author or admin.
func (c *Client) PutText(ctx context.Context, of Texts, id string, body []byte) (out Reviewed, err error) {
	return out, c.ask(ctx, http.MethodPut, of.path(id), nil, body, &out)
}

// MoveText makes a move: submit, approve, reject and, of templates, publish or rollback.
func (c *Client) MoveText(ctx context.Context, of Texts, id, move string, m Move) (out Reviewed, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return out, err
	}
	return out, c.ask(ctx, http.MethodPost, of.path(id)+"/"+move, nil, body, &out)
}

// ArchiveText lets nothing of a text be sent any more.
func (c *Client) ArchiveText(ctx context.Context, of Texts, id string) error {
	return c.ask(ctx, http.MethodDelete, of.path(id), nil, nil, nil)
}
