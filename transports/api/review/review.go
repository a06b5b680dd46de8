package review

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors/content"
	"reddot/actors/reviewed"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// A Resource is texts of a kind, which are reviewed.
type Resource[T reviewed.Text] struct {
	Store  *reviewed.Texts[T]
	Kind   string                  // of a text, as the audit log names it: "template"
	Path   string                  // "/v1/templates"
	Member string                  // of a page, which has the texts: "templates"
	Audits map[content.Move]string // the actions of the audit log, of the moves that there are
	Most   int                     // bytes of a text

	// Read reads a body as a text, strictly.
	Read func(c resource.Call, body []byte) (T, error)
	// Blocked, if there is one, says why a text of the app can't be submitted.
	Blocked func(app string, text T) error
	// More, if there is one, appends further members to a text that is shown.
	More func(c resource.Call, b []byte, h *reviewed.Head) ([]byte, error)

	moves *prometheus.CounterVec
}

// Register lets metrics count the moves; nil: they are not seen.
func (r *Resource[T]) Register(to prometheus.Registerer) error {
	r.moves = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: r.Kind, Name: "moves_total",
		Help: "Moves of versions of a " + r.Kind + " on their way from draft to live, by move."}, []string{"move"})
	for m := range r.Audits {
		r.moves.WithLabelValues(string(m))
	}
	if to == nil {
		return nil
	}
	if err := to.Register(r.moves); err != nil {
		return fmt.Errorf("%ss: register metrics: %w", r.Kind, err)
	}
	return nil
}

// Routes are those of the resource.
func (r *Resource[T]) Routes() []*resource.Route {
	one := r.Path + "/{id}"
	routes := []*resource.Route{
		{Method: "GET", Path: r.Path, Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: r.list},
		{Method: "GET", Path: one, Access: transports.ToBrowse, Query: []string{"version"}, Handle: r.read},
		{Method: "PUT", Path: one, Access: transports.ToAuthor, Handle: r.put},
		{Method: "DELETE", Path: one, Access: transports.ToAuthor, Plain: true, Handle: r.archive},
	}
	for _, m := range content.Moves {
		if m == content.Write || m == content.Archive || r.Audits[m] == "" {
			continue
		}
		access := transports.ToApprove
		if m == content.Submit {
			access = transports.ToAuthor
		}
		routes = append(routes, &resource.Route{Method: "POST", Path: one + "/" + string(m), Access: access, Handle: func(c resource.Call) error { return r.move(c, m) }})
	}
	return routes
}

// A shown text is one as the API shows it: what is known of one version, and of the whole.
type shown struct {
	ID string `json:"id"`
	*content.Version
	Live      uint64            `json:"live,omitempty"`
	Archived  bool              `json:"archived,omitempty"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Versions  []content.Version `json:"versions,omitempty"`
}

func show(h *reviewed.Head, v *content.Version) shown {
	return shown{ID: h.ID, Version: v, Live: h.Record.Live, Archived: h.Record.Archived, UpdatedAt: h.At, UpdatedBy: h.By}
}

// ID returns the text that the path names.
func ID(c resource.Call) (string, error) {
	name, err := transports.ParseName(c.Param(0))
	if err != nil {
		return "", transports.WrongField("id", "it has 1 to 64 characters of A-Z a-z 0-9 . _ - and is not . or ..")
	}
	return name, nil
}

// list is GET of all: the newest version of each.
func (r *Resource[T]) list(c resource.Call) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := string(c.HTTP().QueryArgs().Peek("next"))
	if _, err := transports.ParseName(after); after != "" && err != nil {
		return transports.WrongField("next", "this is no next that the server gave out")
	}
	heads, next, err := r.Store.List(c.Deadline(), c.Who().App, after, limit)
	if err != nil {
		return err
	}
	list := []shown{}
	for i := range heads {
		list = append(list, show(&heads[i], heads[i].Record.Find(0)))
	}
	page := map[string]any{r.Member: list}
	if next != "" {
		page["next"] = next
	}
	return c.Encode(fasthttp.StatusOK, page)
}

// read is GET of one: a version, and what is known of all.
func (r *Resource[T]) read(c resource.Call) error {
	name, err := ID(c)
	if err != nil {
		return err
	}
	version, err := resource.Version(c, "version")
	if err != nil {
		return err
	}
	x, h, v, err := r.Store.Open(c.Deadline(), c.Who().App, name, version)
	if err != nil {
		return err
	}
	s := show(&h, v)
	s.Versions = h.Record.Versions
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the %s: %w", r.Kind, err)
	}
	b = append(append(b[:len(b)-1], ','), x.Body()[1:]...)
	if r.More != nil {
		if b, err = r.More(c, b[:len(b)-1], &h); err != nil {
			return err
		}
		b = append(b, '}')
	}
	resource.Tag(c, h.Changes)
	c.Reply(fasthttp.StatusOK, b)
	return nil
}

// put is PUT of one: a new version, which is a draft.
func (r *Resource[T]) put(c resource.Call) error {
	body, err := c.ReadBody(r.Most)
	if err != nil {
		return err
	}
	x, err := r.Read(c, body)
	if err != nil {
		return err
	}
	return r.change(c, content.Write, func(app, name string, ch reviewed.Change) (reviewed.Result, error) {
		return r.Store.Write(c.Deadline(), app, name, x, ch)
	})
}

// archive is DELETE of one: nothing of it is sent any more.
func (r *Resource[T]) archive(c resource.Call) error {
	err := r.change(c, content.Archive, func(app, name string, ch reviewed.Change) (reviewed.Result, error) {
		return r.Store.Move(c.Deadline(), app, name, content.Order{Move: content.Archive}, ch)
	})
	if err == nil {
		c.HTTP().Response.ResetBody()
		c.HTTP().SetStatusCode(fasthttp.StatusNoContent)
	}
	return err
}

// move is POST …/submit and the like.
func (r *Resource[T]) move(c resource.Call, m content.Move) error {
	o, err := readOrder(c, m)
	if err != nil {
		return err
	}
	return r.change(c, m, func(app, name string, ch reviewed.Change) (reviewed.Result, error) {
		if m == content.Submit && r.Blocked != nil {
			r.screen(c, app, name, &ch)
		}
		return r.Store.Move(c.Deadline(), app, name, o, ch)
	})
}

// screen lets a text that is blocked not be submitted. A repeat has been.
func (r *Resource[T]) screen(c resource.Call, app, name string, ch *reviewed.Change) {
	note := ch.Noting
	ch.Noting = func(before, after *content.Version) error {
		text, err := r.Store.Text(c.Deadline(), app, name, after.Hash)
		if err == nil {
			err = r.Blocked(app, text)
		}
		if err != nil {
			return err
		}
		return note(before, after)
	}
}

// change makes a move, writes it down, counts it, and answers with the version that it
// was about.
func (r *Resource[T]) change(c resource.Call, m content.Move, do func(app, name string, ch reviewed.Change) (reviewed.Result, error)) error {
	name, err := ID(c)
	if err != nil {
		return err
	}
	once, err := c.CallersOnce()
	if err != nil {
		return err
	}
	noting := c.Noting(r.Audits[m], r.Kind+":"+name)
	made, err := do(c.Who().App, name, reviewed.Change{
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
	if !made.Replayed {
		r.moves.WithLabelValues(string(m)).Inc()
	}
	resource.Replayed(c, made.Replayed)
	resource.Tag(c, made.Changes)
	return c.Encode(resource.Status(made.Created), show(&made.Head, made.Record.Find(made.Record.Last)))
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
