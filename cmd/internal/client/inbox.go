package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Counts are where a user stands.
type Counts struct {
	Unread     int            `json:"unread"`
	Unseen     int            `json:"unseen"`
	ByCategory map[string]int `json:"by_category,omitempty"`
	ByTenant   map[string]int `json:"by_tenant,omitempty"`
	Rev        uint64         `json:"rev"`
	Cursor     string         `json:"cursor"`
}

// A Message is one message of an inbox.
type Message struct {
	ID        string          `json:"id"`
	CreatedAt time.Time       `json:"created_at"`
	Category  string          `json:"category"`
	Tenant    string          `json:"tenant,omitempty"`
	Priority  string          `json:"priority"`
	Title     string          `json:"title,omitempty"`
	Body      string          `json:"body,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	URL       string          `json:"url,omitempty"`
	State     string          `json:"state"`
}

// A Draft is a message to publish. Empty fields are left out.
type Draft struct {
	To          *To             `json:"to,omitempty"` // nil: the user of the call
	Title       string          `json:"title,omitempty"`
	Body        string          `json:"body,omitempty"`
	Data        json.RawMessage `json:"data,omitempty"`
	Category    string          `json:"category,omitempty"`
	Tenant      string          `json:"tenant,omitempty"`
	Priority    string          `json:"priority,omitempty"`
	URL         string          `json:"url,omitempty"`
	CollapseKey string          `json:"collapse_key,omitempty"`
	SendAt      string          `json:"send_at,omitempty"`    // RFC 3339
	ExpiresAt   string          `json:"expires_at,omitempty"` // RFC 3339
	Template    *TemplateRef    `json:"template,omitempty"`   // in the place of title, body, data and url
}

// A TemplateRef names what a message is made of.
type TemplateRef struct {
	ID      string          `json:"id"`
	Version uint64          `json:"version,omitempty"` // 0: the live one
	Data    json.RawMessage `json:"data,omitempty"`    // its variables
}

// To says whom a message is for; one of its fields.
type To struct {
	User    string   `json:"user,omitempty"`
	Users   []string `json:"users,omitempty"`
	Topic   string   `json:"topic,omitempty"`
	Segment string   `json:"segment,omitempty"`
	List    string   `json:"list,omitempty"`
	All     bool     `json:"all,omitempty"`
	Since   string   `json:"since,omitempty"` // join or publish; empty: join
}

// Published is the answer to a publish.
type Published struct {
	ID         string  `json:"id"`
	Rev        uint64  `json:"rev,omitempty"`
	Counts     *Counts `json:"counts,omitempty"`     // to one user
	Outcome    string  `json:"outcome,omitempty"`    // to one user: delivered, held, scheduled or filtered
	Reason     string  `json:"reason,omitempty"`     // of held and filtered
	Recipients *int    `json:"recipients,omitempty"` // to several, where they are counted

	DryRun   bool        `json:"dry_run,omitempty"`  // nothing was written: it says what would be
	Replayed bool        `json:"replayed,omitempty"` // of a dry run: ID has been published under the key
	Users    []Rehearsed `json:"users,omitempty"`    // of a dry run: the first of several
}

// Rehearsed is what would become of a message with one user of several.
type Rehearsed struct {
	User    string  `json:"user"`
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Counts  *Counts `json:"counts,omitempty"`
}

// Publish publishes the draft to the user, or to whom its To names if user is
// empty. The key makes it safe to repeat; empty: none.
func (c *Client) Publish(ctx context.Context, user string, d Draft, key string) (Published, error) {
	var out Published
	err := c.publish(ctx, user, d, key, nil, &out)
	return out, err
}

// DryRun asks what would come of a publish, which writes nothing, and returns what the
// server says; Published has the most of it.
func (c *Client) DryRun(ctx context.Context, user string, d Draft, key string) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.publish(ctx, user, d, key, url.Values{"dry_run": {"true"}}, &out)
	return out, err
}

func (c *Client) publish(ctx context.Context, user string, d Draft, key string, q url.Values, out any) error {
	path := "/v1/messages"
	if user != "" {
		path = userPath(user, "/messages")
	}
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	req, err := c.request(ctx, http.MethodPost, path, q, body)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return c.do(ctx, req, out)
}

// Counts returns where the user stands, or, with a tenant, where with its messages.
func (c *Client) Counts(ctx context.Context, user, tenant string) (Counts, error) {
	var out Counts
	q := url.Values{}
	if tenant != "" {
		q.Set("tenant", tenant)
	}
	req, err := c.request(ctx, http.MethodGet, userPath(user, "/counts"), q, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}

// A Filter chooses among the messages of an inbox.
type Filter struct {
	State    string // empty: all but archived
	Category string // empty: all
	Tenant   string // empty: all
	Limit    int    // 0: as the server likes
	Next     string // of the page before
}

// A Page is a part of an inbox, newest first.
type Page struct {
	Messages []Message `json:"messages"`
	Next     string    `json:"next,omitempty"`
}

// Inbox returns a page of the user's messages.
func (c *Client) Inbox(ctx context.Context, user string, f Filter) (Page, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": f.State, "category": f.Category, "tenant": f.Tenant, "next": f.Next} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var out Page
	req, err := c.request(ctx, http.MethodGet, userPath(user, "/messages"), q, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}
