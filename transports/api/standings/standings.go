package standings

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/rule"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// Routes returns those of /v1/deny and /v1/allow.
func Routes() []*resource.Route {
	deny := side{member: "deny", put: transports.AuditDeny, drop: transports.AuditUndeny}
	allow := side{member: "allow", allow: true, put: transports.AuditAllow, drop: transports.AuditUnallow}
	return append(deny.routes(), allow.routes()...)
}

// A side is one of the two that a user may stand on.
type side struct {
	member    string
	allow     bool
	put, drop string // actions of the audit log
}

func (s side) routes() []*resource.Route {
	path := "/v1/" + s.member + "/{user}"
	return []*resource.Route{
		{Method: "GET", Path: path, Access: transports.ToSupport, OfUser: true, Handle: s.read},
		{Method: "PUT", Path: path, Access: transports.ToSupport, OfUser: true, Handle: s.write},
		{Method: "DELETE", Path: path, Access: transports.ToSupport, OfUser: true, Query: []string{"category", "channel"}, Plain: true, Handle: s.remove},
	}
}

// read answers with what holds.
func (s side) read(c resource.Call) error {
	r, err := c.Ask(c.User(), &actors.ReadProfile{Part: actors.PartStandings}, actors.Once{})
	if err != nil {
		return err
	}
	defer r.Release()
	var both map[string]json.RawMessage
	if err := json.Unmarshal(r.Answer.Body, &both); err != nil {
		return fmt.Errorf("what is said of a user: %w", err)
	}
	return c.Encode(fasthttp.StatusOK, map[string]json.RawMessage{s.member: both[s.member]})
}

// write adds an entry, or replaces the one for the same category and channel.
func (s side) write(c resource.Call) error {
	body, err := c.ReadBody(0)
	if err != nil {
		return err
	}
	entry := &actors.Standing{Allow: s.allow, By: c.Who().ID}
	in := c.Fields()
	err = in.Whole(body, func(name string) (err error) {
		switch name {
		case "category":
			entry.Category, err = in.LabelField(name, transports.MaxCategory)
		case "channel":
			entry.Channel, err = in.LabelField(name, transports.MaxCategory)
		case "reason":
			entry.Reason, err = in.WordField(name, rule.MaxReason)
		case "until":
			entry.Until, err = in.TimeField(name, 0) // whether it is past the user's actor knows, which knows repeats
		default:
			err = transports.WrongField(transports.ShownField(name), "there is no such field; there are category, channel, reason, until")
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.change(c, s.put, entry)
}

// remove takes the entry for a category and a channel away.
func (s side) remove(c resource.Call) (err error) {
	entry := &actors.Standing{Allow: s.allow, Removed: true, By: c.Who().ID}
	q := c.HTTP().QueryArgs()
	if entry.Category, err = transports.LabelParam("category", q.Peek("category"), transports.MaxCategory); err != nil {
		return err
	}
	if entry.Channel, err = transports.LabelParam("channel", q.Peek("channel"), transports.MaxCategory); err != nil {
		return err
	}
	return s.change(c, s.drop, entry)
}

func (s side) change(c resource.Call, action string, entry *actors.Standing) error {
	once, err := c.Once([]byte(entry.Category), []byte(entry.Channel))
	if err != nil {
		return err
	}
	noted, err := noted(entry)
	if err != nil {
		return err
	}
	noting := c.Noting(action, "user:"+c.User())
	if err := noting.Note(c.Deadline(), nil, noted); err != nil {
		return err
	}
	r, err := c.Ask(c.User(), &actors.SetStanding{Standing: entry}, once)
	if err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	if r.Answer.Replayed {
		c.HTTP().Response.Header.Set("Idempotent-Replayed", "true")
	}
	r.Release()
	c.HTTP().SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// noted is what the audit log says of an entry.
func noted(s *actors.Standing) (json.RawMessage, error) {
	entry := struct {
		Category string `json:"category,omitempty"`
		Channel  string `json:"channel,omitempty"`
		Reason   string `json:"reason,omitempty"`
		Until    string `json:"until,omitempty"`
	}{s.Category, s.Channel, s.Reason, ""}
	if s.Until != 0 {
		entry.Until = actors.TimeText(s.Until)
	}
	return json.Marshal(entry)
}
