package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// A Template is a version of one, and what is known of the whole.
type Template struct {
	Reviewed

	// What it says, of one that was asked for by name.
	Locale    string          `json:"locale,omitempty"`
	Category  string          `json:"category,omitempty"`
	Variables json.RawMessage `json:"variables,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
}

// Templates returns the newest version of each template of the app, by id.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	return all[Template](ctx, c, "/v1/templates", "templates")
}

// Template returns a version of a template; 0: the newest.
func (c *Client) Template(ctx context.Context, id string, version uint64) (out Template, err error) {
	return out, c.readText(ctx, TemplateTexts, id, version, &out)
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
	return out, c.ask(ctx, http.MethodGet, TemplateTexts.path(id)+"/diff", q, nil, &out)
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
	return out, c.ask(ctx, http.MethodPost, TemplateTexts.path(id)+"/"+how, nil, body, &out)
}
