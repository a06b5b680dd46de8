package content

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/content"
	"reddot/actors/templates"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/api/review"
)

// Templates is the resource /v1/templates.
type Templates struct {
	Deps
	review *review.Resource[*content.Template]
}

// Deps are what the templates rest on.
type Deps struct {
	Store      *templates.Templates
	Router     actors.Router
	Gate       *transports.Gate
	Now        func() time.Time      // the wall clock
	Registerer prometheus.Registerer // nil: the metrics are not seen
	// Blocked says why keyword lists block what a template of an app says, as JSON; nil: nothing
	// is screened.
	Blocked func(app string, said []byte) error
}

// NewTemplates returns the resource.
func NewTemplates(d Deps) (*Templates, error) {
	t := &Templates{Deps: d, review: &review.Resource[*content.Template]{
		Store: d.Store.Texts, Kind: "template", Path: "/v1/templates", Member: "templates", Audits: auditOf, Most: content.MaxSource, Read: readTemplate,
	}}
	if d.Blocked != nil {
		t.review.Blocked = func(app string, x *content.Template) error {
			var source struct {
				Content json.RawMessage `json:"content"`
			}
			if err := json.Unmarshal(x.Body(), &source); err != nil {
				return fmt.Errorf("the source of a template: %w", err)
			}
			return d.Blocked(app, source.Content)
		}
	}
	return t, t.review.Register(d.Registerer)
}

// auditOf are the actions of the audit log by move.
var auditOf = map[content.Move]string{
	content.Write: transports.AuditTemplateWrite, content.Submit: transports.AuditTemplateSubmit, content.Approve: transports.AuditTemplateApprove,
	content.Reject: transports.AuditTemplateReject, content.Publish: transports.AuditTemplatePublish, content.Rollback: transports.AuditTemplateRollback, content.Archive: transports.AuditTemplateArchive,
}

// readTemplate reads a template's source.
func readTemplate(c resource.Call, body []byte) (*content.Template, error) {
	s, err := reader{c.Fields()}.source(body)
	if err != nil {
		return nil, err
	}
	return content.Check(s)
}

// Routes are those of the resource.
func (t *Templates) Routes() []*resource.Route {
	const one = "/v1/templates/{id}"
	return append(t.review.Routes(),
		&resource.Route{Method: "GET", Path: one + "/diff", Access: transports.ToBrowse, Query: []string{"from", "to"}, Handle: t.diff},
		&resource.Route{Method: "POST", Path: one + "/preview", Access: transports.ToBrowse, Handle: t.preview},
		&resource.Route{Method: "POST", Path: one + "/test-send", Access: transports.ToAuthor, Handle: t.testSend},
	)
}

// diff is GET /v1/templates/{id}/diff: how one version differs from another, by default
// the newest from the live one.
func (t *Templates) diff(c resource.Call) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	from, err := resource.Version(c, "from")
	if err != nil {
		return err
	}
	to, err := resource.Version(c, "to")
	if err != nil {
		return err
	}
	b, h, w, err := t.Store.Open(c.Deadline(), c.Who().App, name, to)
	if err != nil {
		return err
	}
	if from == 0 {
		if from = h.Record.Live; from == 0 {
			return &actors.Error{Code: actors.Invalid, Field: "from", Detail: "from: say which version, since none is live"}
		}
	}
	a, _, v, err := t.Store.Open(c.Deadline(), c.Who().App, name, from)
	if err != nil {
		return err
	}
	d, err := content.Diff(a, b)
	if err != nil {
		return err
	}
	return c.Encode(fasthttp.StatusOK, struct {
		From    uint64               `json:"from"`
		To      uint64               `json:"to"`
		Changes []content.Difference `json:"changes"`
	}{v.Number, w.Number, d})
}
