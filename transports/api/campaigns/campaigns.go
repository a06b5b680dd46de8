package campaigns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/campaign/plan"
	"reddot/actors/content"
	"reddot/actors/reviewed"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/api/review"
)

// Campaigns is the resource /v1/campaigns.
type Campaigns struct {
	Deps
	review *review.Resource[*plan.Text]
}

// Deps are what the campaigns rest on.
type Deps struct {
	Router     actors.Router
	Records    actors.SwapRecords
	Now        func() time.Time      // the wall clock
	Registerer prometheus.Registerer // nil: the metrics are not seen
}

// New returns the resource.
func New(d Deps) (*Campaigns, error) {
	r := &Campaigns{Deps: d}
	r.review = &review.Resource[*plan.Text]{
		Store: reviewed.New("campaign", plan.Parse, reviewed.Config{Now: d.Now}, d.Records),
		Kind:  "campaign", Path: "/v1/campaigns", Member: "campaigns", Audits: auditOf, Most: plan.MaxText, Read: readText, More: r.more,
	}
	return r, r.review.Register(d.Registerer)
}

// auditOf are the actions of the audit log by move.
var auditOf = map[content.Move]string{
	content.Write: transports.AuditCampaignWrite, content.Submit: transports.AuditCampaignSubmit, content.Approve: transports.AuditCampaignApprove,
	content.Reject: transports.AuditCampaignReject, content.Archive: transports.AuditCampaignArchive,
}

// Routes are those of the resource.
func (r *Campaigns) Routes() []*resource.Route {
	const one = "/v1/campaigns/{id}"
	routes := append(r.review.Routes(),
		&resource.Route{Method: "POST", Path: one + "/start", Access: transports.ToApprove, Handle: r.start},
		&resource.Route{Method: "GET", Path: one + "/arm", Access: transports.ToBrowse, Query: []string{"user"}, Handle: r.arm},
	)
	for to := range actors.NumSteerings {
		routes = append(routes, &resource.Route{Method: "POST", Path: one + "/" + to.String(), Access: transports.ToApprove, Handle: func(c resource.Call) error { return r.steer(c, to) }})
	}
	return routes
}

// readText reads a text, whose messages are such as may be published.
func readText(c resource.Call, body []byte) (*plan.Text, error) {
	in, t := c.Fields(), &plan.Text{}
	err := in.Whole(body, func(name string) error {
		into, ok := map[string]any{"to": &t.To, "message": &t.Message, "arms": &t.Arms, "holdout": &t.Holdout, "schedule": &t.Schedule, "pace": &t.Pace}[name]
		if !ok {
			return transports.WrongField(transports.ShownField(name), "there is no such field; there are arms, holdout, message, pace, schedule, to")
		}
		value, ok := in.Value(nil)
		if !ok {
			return in.Err()
		}
		return readValue(name, value, into)
	})
	if err != nil {
		return nil, err
	}
	checked, err := plan.New(t)
	if err != nil {
		return nil, err
	}
	for i := range checked.All() {
		if _, _, err := order(c, checked, i, false); err != nil {
			return nil, err
		}
	}
	return checked, nil
}

// readValue reads a member, strictly.
func readValue(name string, value []byte, into any) error {
	in := json.NewDecoder(bytes.NewReader(value))
	in.DisallowUnknownFields()
	err := in.Decode(into)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		if kind.Field != "" {
			name += "." + kind.Field
		}
		return transports.WrongField(name, "it must be "+wordOf(kind.Type))
	case strings.Contains(err.Error(), "unknown field"):
		return transports.WrongField(name, strings.Replace(err.Error(), "json: unknown field", "there is no such field as", 1))
	}
	return transports.WrongField(name, "it has a time that is none: write it as 2026-12-24T09:00:00Z")
}

// wordOf says what a value has to be.
func wordOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// order reads what an arm says, and whom the campaign is for. Where it is to be sent it is
// made whole: of its template, judged by its policy, for the segment as it is now.
func order(c resource.Call, t *plan.Text, arm int, send bool) (*actors.Message, *actors.Audience, error) {
	of := t.All()[arm]
	if len(of.Message) < 2 || of.Message[0] != '{' {
		return nil, nil, transports.WrongField(place(t, arm), "it is no object")
	}
	body := append(append([]byte(`{"to":`), t.To...), '}')
	if rest := bytes.TrimSpace(of.Message[1:]); rest[0] != '}' {
		body = append(append(body[:len(body)-1], ','), rest...)
	}
	m, to, err := c.Order(body, send)
	var e *actors.Error
	switch {
	case errors.As(err, &e) && e.Field != "" && e.Field != "to" && !strings.HasPrefix(e.Field, "to."):
		at := *e
		at.Field, at.Detail = place(t, arm)+"."+e.Field, place(t, arm)+"."+e.Detail
		return nil, nil, &at
	case err != nil:
		return nil, nil, err
	case to == nil:
		return nil, nil, transports.WrongField("to", "a campaign is for all, a topic, a segment or a list; put users who are named into a list")
	case m.SendAt != 0:
		return nil, nil, transports.WrongField(place(t, arm)+".send_at", "a campaign has a schedule in its place")
	}
	return m, to, nil
}

// place names the field of what an arm says.
func place(t *plan.Text, arm int) string {
	if len(t.Arms) == 0 {
		return "message"
	}
	return fmt.Sprintf("arms[%d].message", arm)
}
