package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
)

// A newKey is the answer: the only place where a key's text stands.
type newKey struct {
	auth.Key
	Text string `json:"key"`
}

// createKey is POST /v1/keys.
func createKey(c *call) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	c.draft.now = c.api.now().UnixMilli()
	order, err := c.draft.parseKey(body)
	if err != nil {
		return err
	}
	if order.App, err = c.keysApp(order.App, order.Scopes == transports.ScopeOperator); err != nil {
		return err
	}
	order.By = c.who.ID
	c.api.keys.Lock()
	defer c.api.keys.Unlock()
	if err := c.makeRoom(order.App); err != nil {
		return err
	}
	var noted transports.AuditEntry
	order.Noting = func(key auth.Key) error {
		noted = c.entry(order.App, transports.AuditKeyCreate, "key:"+key.ID, nil, key)
		return c.api.deps.Audit.Note(c.api.deadlines.Next(), noted)
	}
	key, secret, err := c.api.deps.Keys.Create(c.api.deadlines.Next(), order)
	if err != nil {
		if noted.Action != "" {
			c.api.deps.Audit.Undone(c.api.deadlines.Next(), noted, err)
		}
		return err
	}
	return c.encode(fasthttp.StatusCreated, newKey{key, secret.Reveal()})
}

// keysApp returns the app whose keys the caller may see to: its own, or, for an
// operator, the named one, or none, which stands for the operators' keys.
func (c *call) keysApp(named string, operators bool) (string, error) {
	switch {
	case c.who.Can(transports.ToOperate) == nil && (named != "" || operators || c.who.App == ""):
		return named, nil
	case operators:
		return "", c.who.Can(transports.ToOperate)
	case c.who.Can(transports.ToAdminister) != nil:
		return "", c.who.Can(transports.ToAdminister)
	case named != "" && named != c.who.App:
		return "", &actors.Error{Code: actors.Forbidden, Field: "app", Detail: "the keys of another app are for the admins of that app, or for an operator"}
	}
	return c.who.App, nil
}

// makeRoom lets the app have another key: of those that have ended the oldest is
// forgotten, where there are too many of them.
func (c *call) makeRoom(app string) error {
	good := 0
	var ended []auth.Key
	for _, key := range c.api.deps.Keys.List(c.api.deadlines.Next(), app) {
		if key.Ended(c.api.now()) {
			ended = append(ended, key)
		} else {
			good++
		}
	}
	if good >= c.api.cfg.Keys {
		return actors.Errorf(actors.TooMany, "an app has at most %d keys that are good; revoke some", c.api.cfg.Keys)
	}
	for len(ended) >= c.api.cfg.Keys {
		if err := c.removeKey(app, ended[0].ID); err != nil {
			return err
		}
		ended = ended[1:]
	}
	return nil
}

// parseKey reads {"name":…,"scopes":[…],"expires_at":…,"addresses":[…],"app":…}.
func (d *draft) parseKey(body []byte) (order auth.KeyOrder, err error) {
	err = d.in.Whole(body, func(field string) (err error) {
		var words []string
		switch field {
		case "name":
			order.Name, err = d.in.StringField("name", 128)
		case "app":
			order.App, err = d.in.StringField("app", transports.MaxApp)
		case "expires_at":
			var at int64
			at, err = d.time("expires_at")
			order.ExpiresAt = time.UnixMilli(at)
		case "scopes":
			if words, err = d.in.WordsField("scopes", 8, 64); err == nil {
				order.Scopes, err = transports.ParseScopes(words)
			}
		case "addresses":
			if words, err = d.in.WordsField("addresses", 32, 64); err == nil {
				order.Addresses, err = transports.ParseNetworks(words)
			}
		default:
			err = wrong(transports.ShownField(field), "there is no such field")
		}
		return err
	})
	if err == nil && order.Scopes == 0 {
		_, err = transports.ParseScopes(nil)
	}
	return order, err
}

// listKeys is GET /v1/keys.
func listKeys(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	app, err := c.keysApp(string(c.QueryArgs().Peek("app")), false)
	if err != nil {
		return err
	}
	keys := c.api.deps.Keys.List(c.api.deadlines.Next(), app)
	if next := string(c.QueryArgs().Peek("next")); next != "" {
		if keys, err = keysAfter(keys, next); err != nil {
			return err
		}
	}
	page := struct {
		Keys []auth.Key `json:"keys"`
		Next string     `json:"next,omitempty"`
	}{Keys: keys}
	if len(keys) > limit {
		page.Keys, page.Next = keys[:limit], keys[limit-1].ID
	}
	return c.encode(fasthttp.StatusOK, page)
}

// keysAfter returns the keys behind the one with the id.
func keysAfter(keys []auth.Key, id string) ([]auth.Key, error) {
	for i, k := range keys {
		if k.ID == id {
			return keys[i+1:], nil
		}
	}
	return nil, wrong("next", "this is no next that the server gave out")
}

// revokeKey is DELETE /v1/keys/{key}: with ?remove=true it is forgotten, too.
func revokeKey(c *call) error {
	app, err := c.keysApp(string(c.QueryArgs().Peek("app")), false)
	if err != nil {
		return err
	}
	remove := false
	if text := c.QueryArgs().Peek("remove"); len(text) > 0 {
		if remove, err = strconv.ParseBool(string(text)); err != nil {
			return wrong("remove", "remove is true or false")
		}
	}
	id := string(c.params.List[0])
	key, err := c.revoke(app, id)
	if err == nil && remove {
		err = c.removeKey(app, id)
	}
	if err != nil {
		return err
	}
	return c.encode(fasthttp.StatusOK, key)
}

// revoke revokes a key; a second time changes nothing.
func (c *call) revoke(app, id string) (key auth.Key, err error) {
	act := func() error {
		key, err = c.api.deps.Keys.Revoke(c.api.deadlines.Next(), app, id)
		return err
	}
	before, ok := c.api.deps.Keys.Find(app, id)
	if !ok || before.RevokedAt != nil {
		return key, act()
	}
	after := before
	now := c.api.now().UTC().Truncate(time.Millisecond)
	after.RevokedAt = &now
	return key, c.audited(c.entry(app, transports.AuditKeyRevoke, "key:"+id, before, after), act)
}

// removeKey forgets a key.
func (c *call) removeKey(app, id string) error {
	before, _ := c.api.deps.Keys.Find(app, id)
	return c.audited(c.entry(app, transports.AuditKeyRemove, "key:"+id, before, nil), func() error {
		return c.api.deps.Keys.Remove(c.api.deadlines.Next(), app, id)
	})
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
