package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Policy is a version of the rules that an app keeps under a name.
type Policy struct {
	Name      string
	Version   uint64
	UpdatedAt time.Time
	UpdatedBy string
	Rules     json.RawMessage // the members that say what messages may not do, as an object
	Whole     json.RawMessage // all of it
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Policy) UnmarshalJSON(b []byte) error {
	var head struct {
		Name      string    `json:"name"`
		Version   uint64    `json:"version"`
		UpdatedAt time.Time `json:"updated_at"`
		UpdatedBy string    `json:"updated_by"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	for _, name := range []string{"name", "version", "updated_at", "updated_by"} {
		delete(members, name)
	}
	rules, err := json.Marshal(members)
	*p = Policy{head.Name, head.Version, head.UpdatedAt, head.UpdatedBy, rules, append(json.RawMessage(nil), b...)}
	return err
}

// MarshalJSON implements json.Marshaler.
func (p Policy) MarshalJSON() ([]byte, error) { return p.Whole, nil }

func policyPath(name string) string { return "/v1/policies/" + url.PathEscape(name) }

// PutPolicy saves a policy's JSON. It needs the scope author or admin.
func (c *Client) PutPolicy(ctx context.Context, name string, body []byte) (out Policy, err error) {
	return out, c.ask(ctx, http.MethodPut, policyPath(name), nil, body, &out)
}

// Policy returns a policy in a version; 0: the current one.
func (c *Client) Policy(ctx context.Context, name string, version uint64) (out Policy, err error) {
	q := url.Values{}
	if version > 0 {
		q.Set("version", strconv.FormatUint(version, 10))
	}
	return out, c.ask(ctx, http.MethodGet, policyPath(name), q, nil, &out)
}

// Policies returns all policies of the app, by name.
func (c *Client) Policies(ctx context.Context) ([]Policy, error) {
	return all[Policy](ctx, c, "/v1/policies", "policies")
}

// RemovePolicy deletes a policy. It needs the scope author or admin.
func (c *Client) RemovePolicy(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodDelete, policyPath(name), nil, nil, nil)
}

// A Simulation is what a policy would make of messages.
type Simulation struct {
	Policy  string `json:"policy"`
	Version uint64 `json:"version"` // 0: rules that are not saved
	Users   []struct {
		User    string `json:"user"`
		Outcome string `json:"outcome"`
		Reason  string `json:"reason,omitempty"`
	} `json:"users,omitempty"` // of a message now

	User     string         `json:"user,omitempty"` // whose last days they were
	Was      map[string]int `json:"was,omitempty"`
	Would    map[string]int `json:"would,omitempty"`
	Messages []struct {
		ID       string    `json:"id"`
		At       time.Time `json:"at"`
		Category string    `json:"category"`
		Tenant   string    `json:"tenant,omitempty"`
		Was      string    `json:"was"`
		Would    string    `json:"would"`
		Rule     string    `json:"rule,omitempty"`
		Value    string    `json:"value,omitempty"`
	} `json:"messages,omitempty"`
}

// An Order is what is to be simulated: a message to users, or the last days of one.
type Order struct {
	Users   []string        `json:"users,omitempty"`
	Message json.RawMessage `json:"message,omitempty"`
	User    string          `json:"user,omitempty"`
	Days    int             `json:"days,omitempty"`
	Rules   json.RawMessage `json:"rules,omitempty"` // in the place of those that are stored
}

// SimulatePolicy asks what a policy would make of an order. It needs the scope read,
// author or admin.
func (c *Client) SimulatePolicy(ctx context.Context, name string, o Order) (out Simulation, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return out, err
	}
	return out, c.ask(ctx, http.MethodPost, policyPath(name)+"/simulate", nil, body, &out)
}
