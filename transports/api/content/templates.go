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
)

// Templates is the resource /v1/templates.
type Templates struct {
	Deps
	moves *prometheus.CounterVec
}

// Deps are what the templates rest on.
type Deps struct {
	Store      *templates.Templates
	Router     actors.Router
	Gate       *transports.Gate
	Now        func() time.Time      // the wall clock
	Registerer prometheus.Registerer // nil: the metrics are not seen
}

// NewTemplates returns the resource.
func NewTemplates(d Deps) (*Templates, error) {
	t := &Templates{Deps: d, moves: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "template", Name: "moves_total",
		Help: "Moves of templates' versions on their way from draft to live, by move."}, []string{"move"})}
	for _, m := range content.Moves {
		t.moves.WithLabelValues(string(m))
	}
	if d.Registerer != nil {
		if err := d.Registerer.Register(t.moves); err != nil {
			return nil, fmt.Errorf("templates: register metrics: %w", err)
		}
	}
	return t, nil
}

// Routes are those of the resource.
func (t *Templates) Routes() []*resource.Route {
	const one = "/v1/templates/{id}"
	move := func(m content.Move, access transports.Action) *resource.Route {
		return &resource.Route{Method: "POST", Path: one + "/" + string(m), Access: access, Handle: func(c resource.Call) error { return t.move(c, m) }}
	}
	return []*resource.Route{
		{Method: "GET", Path: "/v1/templates", Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: t.list},
		{Method: "GET", Path: one, Access: transports.ToBrowse, Query: []string{"version"}, Handle: t.read},
		{Method: "PUT", Path: one, Access: transports.ToAuthor, Handle: t.put},
		{Method: "DELETE", Path: one, Access: transports.ToAuthor, Plain: true, Handle: t.archive},
		{Method: "GET", Path: one + "/diff", Access: transports.ToBrowse, Query: []string{"from", "to"}, Handle: t.diff},
		{Method: "POST", Path: one + "/preview", Access: transports.ToBrowse, Handle: t.preview},
		{Method: "POST", Path: one + "/test-send", Access: transports.ToAuthor, Handle: t.testSend},
		move(content.Submit, transports.ToAuthor),
		move(content.Approve, transports.ToApprove),
		move(content.Reject, transports.ToApprove),
		move(content.Publish, transports.ToApprove),
		move(content.Rollback, transports.ToApprove),
	}
}

// A shown template is one as the API shows it: what is known of one version, and of the
// whole.
type shown struct {
	ID string `json:"id"`
	*content.Version
	Live      uint64            `json:"live,omitempty"`
	Archived  bool              `json:"archived,omitempty"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Versions  []content.Version `json:"versions,omitempty"`
}

func show(h *templates.Head, v *content.Version) shown {
	return shown{ID: h.ID, Version: v, Live: h.Record.Live, Archived: h.Record.Archived, UpdatedAt: h.At, UpdatedBy: h.By}
}

// id returns the template that the path names.
func id(c resource.Call) (string, error) {
	name, err := transports.ParseName(c.Param(0))
	if err != nil {
		return "", transports.WrongField("id", "it has 1 to 64 characters of A-Z a-z 0-9 . _ - and is not . or ..")
	}
	return name, nil
}

// list is GET /v1/templates: the newest version of each.
func (t *Templates) list(c resource.Call) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := string(c.HTTP().QueryArgs().Peek("next"))
	if _, err := transports.ParseName(after); after != "" && err != nil {
		return transports.WrongField("next", "this is no next that the server gave out")
	}
	heads, next, err := t.Store.List(c.Deadline(), c.Who().App, after, limit)
	if err != nil {
		return err
	}
	page := struct {
		Templates []shown `json:"templates"`
		Next      string  `json:"next,omitempty"`
	}{[]shown{}, next}
	for i := range heads {
		page.Templates = append(page.Templates, show(&heads[i], heads[i].Record.Find(0)))
	}
	return c.Encode(fasthttp.StatusOK, page)
}

// read is GET /v1/templates/{id}: a version, and what is known of all.
func (t *Templates) read(c resource.Call) error {
	name, err := id(c)
	if err != nil {
		return err
	}
	version, err := resource.Version(c, "version")
	if err != nil {
		return err
	}
	x, h, v, err := t.Store.Open(c.Deadline(), c.Who().App, name, version)
	if err != nil {
		return err
	}
	s := show(&h, v)
	s.Versions = h.Record.Versions
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the template: %w", err)
	}
	resource.Tag(c, h.Changes)
	c.Reply(fasthttp.StatusOK, append(append(b[:len(b)-1], ','), x.Body()[1:]...))
	return nil
}

// put is PUT /v1/templates/{id}: a new version, which is a draft.
func (t *Templates) put(c resource.Call) error {
	body, err := c.ReadBody(content.MaxSource)
	if err != nil {
		return err
	}
	s, err := reader{c.Fields()}.source(body)
	if err != nil {
		return err
	}
	x, err := content.Check(s)
	if err != nil {
		return err
	}
	return t.change(c, content.Write, func(app, name string, ch templates.Change) (templates.Result, error) {
		return t.Store.Write(c.Deadline(), app, name, x, ch)
	})
}

// archive is DELETE /v1/templates/{id}.
func (t *Templates) archive(c resource.Call) error {
	err := t.change(c, content.Archive, func(app, name string, ch templates.Change) (templates.Result, error) {
		return t.Store.Move(c.Deadline(), app, name, content.Order{Move: content.Archive}, ch)
	})
	if err == nil {
		c.HTTP().Response.ResetBody()
		c.HTTP().SetStatusCode(fasthttp.StatusNoContent)
	}
	return err
}

// move is POST /v1/templates/{id}/submit and the like.
func (t *Templates) move(c resource.Call, m content.Move) error {
	o, err := readOrder(c, m)
	if err != nil {
		return err
	}
	return t.change(c, m, func(app, name string, ch templates.Change) (templates.Result, error) {
		return t.Store.Move(c.Deadline(), app, name, o, ch)
	})
}

// readOrder reads the body of a move.
func readOrder(c resource.Call, m content.Move) (o content.Order, err error) {
	o.Move = m
	body, err := c.ReadBody(0)
	if err != nil {
		return o, err
	}
	r := reader{c.Fields()}
	fields := members{"version": r.version(&o.Version)}
	switch m {
	case content.Approve:
		fields["hash"] = r.word(&o.Hash, content.MaxID)
	case content.Reject:
		fields["reason"] = r.word(&o.Reason, content.MaxReason)
	}
	if len(body) > 0 {
		if err := r.in.Whole(body, func(name string) error { return r.member("", name, fields) }); err != nil {
			return o, err
		}
	}
	switch {
	case o.Version == 0 && m != content.Submit && m != content.Rollback:
		err = transports.WrongField("version", "it is missing: say which one")
	case m == content.Approve && o.Hash == "":
		err = transports.WrongField("hash", "it is missing: it says what you have read")
	case m == content.Reject && o.Reason == "":
		err = transports.WrongField("reason", "it is missing: say what the author should change")
	}
	return o, err
}

// version reads a version's number.
func (r reader) version(into *uint64) func(string) error {
	return func(field string) error {
		if c := r.in.Peek(); c != '-' && (c < '0' || c > '9') {
			return r.in.NotA(field, "a version's number")
		}
		n, ok := r.in.Int()
		if !ok || n < 1 {
			return transports.WrongField(field, "versions are numbered from 1")
		}
		*into = uint64(n)
		return nil
	}
}

// change makes a move, writes it down, counts it, and answers with the version that it
// was about.
func (t *Templates) change(c resource.Call, m content.Move, do func(app, name string, ch templates.Change) (templates.Result, error)) error {
	name, err := id(c)
	if err != nil {
		return err
	}
	once, err := c.CallersOnce()
	if err != nil {
		return err
	}
	noting := c.Noting(auditOf[m], "template:"+name)
	r, err := do(c.Who().App, name, templates.Change{
		By: c.Who().ID, Alone: c.Who().Kind == transports.Developer, Once: once,
		Match: func(changes uint64) bool { return transports.MatchVersion(c.HTTP(), changes) },
		Noting: func(before, after *content.Version) error {
			return noting.Note(c.Deadline(), noted(before), noted(after))
		},
	})
	if err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	if !r.Replayed {
		t.moves.WithLabelValues(string(m)).Inc()
	}
	resource.Replayed(c, r.Replayed)
	resource.Tag(c, r.Changes)
	return c.Encode(resource.Status(r.Created), show(&r.Head, r.Record.Find(r.Record.Last)))
}

// auditOf are the actions of the audit log by move.
var auditOf = map[content.Move]string{
	content.Write: transports.AuditTemplateWrite, content.Submit: transports.AuditTemplateSubmit, content.Approve: transports.AuditTemplateApprove,
	content.Reject: transports.AuditTemplateReject, content.Publish: transports.AuditTemplatePublish, content.Rollback: transports.AuditTemplateRollback, content.Archive: transports.AuditTemplateArchive,
}

// noted is what the audit log shows of a version.
func noted(v *content.Version) []byte {
	if v == nil {
		return nil
	}
	b, _ := json.Marshal(struct { // no field of it fails
		Version uint64        `json:"version"`
		State   content.State `json:"state"`
		Hash    string        `json:"hash"`
		Reason  string        `json:"reason,omitempty"`
	}{v.Number, v.State, v.Hash, v.Reason})
	return b
}

// diff is GET /v1/templates/{id}/diff: how one version differs from another, by default
// the newest from the live one.
func (t *Templates) diff(c resource.Call) error {
	name, err := id(c)
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
