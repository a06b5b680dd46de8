package api

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// A keyOrder is the body of POST /v1/keys.
type keyOrder struct {
	name   string
	scopes []string
}

// A newKey is the answer: the only place where a key's text stands.
type newKey struct {
	transports.Key
	Text string `json:"key"`
}

// createKey is POST /v1/keys.
func createKey(c *call) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	order, err := c.draft.parseKey(body)
	if err != nil {
		return err
	}
	scopes, err := transports.ParseScopes(order.scopes)
	if err != nil {
		return err
	}
	c.api.keys.Lock()
	defer c.api.keys.Unlock()
	if n := len(c.api.deps.Keys.List(c.who.App)); n >= c.api.cfg.Keys {
		return actors.Errorf(actors.TooMany, "an app has at most %d keys, revoked ones too", c.api.cfg.Keys)
	}
	key, secret, err := c.api.deps.Keys.Create(c.api.deadlines.next(), c.who.App, order.name, scopes, c.who.ID)
	if err != nil {
		return err
	}
	return c.encode(fasthttp.StatusCreated, newKey{key, secret.Reveal()})
}

// parseKey reads {"name":…,"scopes":[…]}.
func (d *draft) parseKey(body []byte) (order keyOrder, err error) {
	d.scan.reset(body, d.lim.Depth)
	s := &d.scan
	if !s.take('{', "no object") {
		return order, s.err()
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		name, more := s.member(first)
		if !more {
			break
		}
		field := shown(name)
		if seen[field] {
			return order, wrong(field, "the field stands twice")
		}
		seen[field] = true
		switch field {
		case "name":
			t, err := d.text("name", 128)
			if err != nil {
				return order, err
			}
			order.name = t.string()
		case "scopes":
			if order.scopes, err = d.readScopes(); err != nil {
				return order, err
			}
		default:
			return order, wrong(field, "there is no such field")
		}
	}
	if s.bad != "" || !s.end() {
		return order, s.err()
	}
	return order, nil
}

// readScopes reads an array of at most eight words.
func (d *draft) readScopes() (words []string, err error) {
	s := &d.scan
	if s.peek() != '[' {
		return nil, d.notA("scopes", "an array of scopes")
	}
	s.pos++
	for first := true; s.item(first); first = false {
		t, err := d.text("scopes", 32)
		if err != nil {
			return nil, err
		}
		if words = append(words, t.string()); len(words) > 8 {
			return nil, wrong("scopes", "there are not so many")
		}
	}
	if s.bad != "" {
		return nil, s.err()
	}
	return words, nil
}

// listKeys is GET /v1/keys.
func listKeys(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	keys := c.api.deps.Keys.List(c.who.App)
	if next := string(c.QueryArgs().Peek("next")); next != "" {
		if keys, err = keysAfter(keys, next); err != nil {
			return err
		}
	}
	page := struct {
		Keys []transports.Key `json:"keys"`
		Next string           `json:"next,omitempty"`
	}{Keys: keys}
	if len(keys) > limit {
		page.Keys, page.Next = keys[:limit], keys[limit-1].ID
	}
	return c.encode(fasthttp.StatusOK, page)
}

// keysAfter returns the keys behind the one with the id.
func keysAfter(keys []transports.Key, id string) ([]transports.Key, error) {
	for i, k := range keys {
		if k.ID == id {
			return keys[i+1:], nil
		}
	}
	return nil, wrong("next", "this is no next that the server gave out")
}

// revokeKey is DELETE /v1/keys/{key}.
func revokeKey(c *call) error {
	key, err := c.api.deps.Keys.Revoke(c.api.deadlines.next(), c.who.App, string(c.params[0]))
	if err != nil {
		return err
	}
	return c.encode(fasthttp.StatusOK, key)
}

// encode answers with v as JSON.
func (c *call) encode(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.reply(status, b)
	return nil
}
