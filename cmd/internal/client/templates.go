package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Template is a version of one, and what is known of the whole.
type Template struct {
	ID        string            `json:"id"`
	Version   uint64            `json:"version"`
	Hash      string            `json:"hash"`
	State     string            `json:"state"`
	Reason    string            `json:"reason,omitempty"` // of a rejection
	Written   TemplateStep      `json:"written"`
	Decided   *TemplateStep     `json:"decided,omitempty"`
	Live      uint64            `json:"live,omitempty"` // which version is; 0: none
	Archived  bool              `json:"archived,omitempty"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Versions  []TemplateVersion `json:"versions,omitempty"`

	// What it says, of one that was asked for by name.
	Locale    string          `json:"locale,omitempty"`
	Category  string          `json:"category,omitempty"`
	Variables json.RawMessage `json:"variables,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
}

// A TemplateStep says who has done something, and when.
type TemplateStep struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// A TemplateVersion is what is known of a version.
type TemplateVersion struct {
	Version uint64        `json:"version"`
	Hash    string        `json:"hash"`
	State   string        `json:"state"`
	Reason  string        `json:"reason,omitempty"`
	Written TemplateStep  `json:"written"`
	Decided *TemplateStep `json:"decided,omitempty"`
}

func templatePath(id string) string { return "/v1/templates/" + url.PathEscape(id) }

// Templates returns the newest version of each template of the app, by id.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	return all[Template](ctx, c, "/v1/templates", "templates")
}

// Template returns a version of a template; 0: the newest.
func (c *Client) Template(ctx context.Context, id string, version uint64) (out Template, err error) {
	q := url.Values{}
	if version > 0 {
		q.Set("version", strconv.FormatUint(version, 10))
	}
	return out, c.ask(ctx, http.MethodGet, templatePath(id), q, nil, &out)
}

// PutTemplate writes a version, which is a draft. It needs the scope author or admin.
func (c *Client) PutTemplate(ctx context.Context, id string, body []byte) (out Template, err error) {
	return out, c.ask(ctx, http.MethodPut, templatePath(id), nil, body, &out)
}

// A TemplateMove is a step on the way from a draft to what is sent.
type TemplateMove struct {
	Version uint64 `json:"version,omitempty"`
	Hash    string `json:"hash,omitempty"`   // of an approval
	Reason  string `json:"reason,omitempty"` // of a rejection
}

// MoveTemplate makes a move: submit, approve, reject, publish or rollback.
func (c *Client) MoveTemplate(ctx context.Context, id, move string, m TemplateMove) (out Template, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return out, err
	}
	return out, c.ask(ctx, http.MethodPost, templatePath(id)+"/"+move, nil, body, &out)
}

// ArchiveTemplate lets nothing of a template be sent any more.
func (c *Client) ArchiveTemplate(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, templatePath(id), nil, nil, nil)
}

// A TemplateChange is one between two versions.
type TemplateChange struct {
	Field string `json:"field"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
	Lines []struct {
		Sign string `json:"sign"`
		Line int    `json:"line"`
		Text string `json:"text"`
	} `json:"lines,omitempty"`
}

// A TemplateDiff is how one version differs from another.
type TemplateDiff struct {
	From    uint64           `json:"from"`
	To      uint64           `json:"to"`
	Changes []TemplateChange `json:"changes"`
}

// DiffTemplate compares versions; 0: the live one, and the newest.
func (c *Client) DiffTemplate(ctx context.Context, id string, from, to uint64) (out TemplateDiff, err error) {
	q := url.Values{}
	for name, version := range map[string]uint64{"from": from, "to": to} {
		if version > 0 {
			q.Set(name, strconv.FormatUint(version, 10))
		}
	}
	return out, c.ask(ctx, http.MethodGet, templatePath(id)+"/diff", q, nil, &out)
}

// A TemplateTrial says for whom a version is rendered, and with which variables.
type TemplateTrial struct {
	User    string          `json:"user,omitempty"`
	Locale  string          `json:"locale,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Channel string          `json:"channel,omitempty"` // of a preview
	Version uint64          `json:"version,omitempty"`
}

// TryTemplate returns what a version says (preview), or sends it to a user with the tag
// tester (test-send).
func (c *Client) TryTemplate(ctx context.Context, id, how string, t TemplateTrial) (out json.RawMessage, err error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return out, c.ask(ctx, http.MethodPost, templatePath(id)+"/"+how, nil, body, &out)
}
