package resource

import (
	"encoding/json"

	"github.com/valyala/fasthttp"

	"reddot/actors/catalog"
	"reddot/transports"
)

// Entries are the resource of a catalog: what an app has under a name, in versions.
type Entries struct {
	Catalog *catalog.Catalog
	Kind    string // of an entry, as the audit log names it: "segment"
	Path    string // "/v1/segments"
	ID      string // what the path's parameter is called, and the member with the name: "name"
	Member  string // of a page, which has the entries: "segments"
	Put     string // the action of the audit log
	Drop    string // likewise

	// Named returns what the path says if it is a name; nil: transports.ParseName.
	Named func(string) (string, error)
	// Read reads a body as what is stored: valid, compact and canonical JSON, an object
	// with a member at least.
	Read func(in *transports.FieldReader, body []byte) (json.RawMessage, error)
}

// Routes are those of the resource.
func (e *Entries) Routes() []*Route {
	one := e.Path + "/{" + e.ID + "}"
	return []*Route{
		{Method: "GET", Path: e.Path, Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: e.list},
		{Method: "GET", Path: one, Access: transports.ToBrowse, Query: []string{"version"}, Handle: e.read},
		{Method: "PUT", Path: one, Access: transports.ToAuthor, Handle: e.put},
		{Method: "DELETE", Path: one, Access: transports.ToAuthor, Plain: true, Handle: e.drop},
	}
}

func (e *Entries) name(text string) (string, error) {
	if e.Named != nil {
		return e.Named(text)
	}
	return transports.ParseName(text)
}

func (e *Entries) list(c Call) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := string(c.HTTP().QueryArgs().Peek("next"))
	if _, err := e.name(after); after != "" && err != nil {
		return transports.WrongField("next", "this is no next that the server gave out")
	}
	entries, more, err := e.Catalog.List(c.Deadline(), c.Who().App, after, limit)
	if err != nil {
		return err
	}
	list := []json.RawMessage{}
	for i := range entries {
		list = append(list, entries[i].AppendJSON(nil, e.ID))
	}
	page := map[string]any{e.Member: list}
	if more != "" {
		page["next"] = more
	}
	return c.Encode(fasthttp.StatusOK, page)
}

// Find returns the entry that the path names, in the version that is asked for.
func (e *Entries) Find(c Call) (entry catalog.Entry, err error) {
	called, err := e.name(c.Param(0))
	if err != nil {
		return entry, err
	}
	at, err := Version(c, "version")
	if err != nil {
		return entry, err
	}
	return e.Catalog.Read(c.Deadline(), c.Who().App, called, at)
}

func (e *Entries) read(c Call) error {
	entry, err := e.Find(c)
	if err != nil {
		return err
	}
	e.answer(c, fasthttp.StatusOK, &entry)
	return nil
}

func (e *Entries) put(c Call) error {
	body, err := c.ReadBody(0)
	if err != nil {
		return err
	}
	stored, err := e.Read(c.Fields(), body)
	if err != nil {
		return err
	}
	r, err := e.change(c, e.Put, stored)
	if err != nil {
		return err
	}
	e.answer(c, Status(r.Created), &r.Entry)
	return nil
}

func (e *Entries) drop(c Call) error {
	if _, err := e.change(c, e.Drop, nil); err != nil {
		return err
	}
	c.HTTP().SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// change makes a version of what the path names; a nil body removes it.
func (e *Entries) change(c Call, action string, body json.RawMessage) (catalog.Result, error) {
	called, err := e.name(c.Param(0))
	if err != nil {
		return catalog.Result{}, err
	}
	once, err := c.CallersOnce()
	if err != nil {
		return catalog.Result{}, err
	}
	noting := c.Noting(action, e.Kind+":"+called)
	r, err := e.Catalog.Apply(c.Deadline(), c.Who().App, called, catalog.Change{
		Body: body, By: c.Who().ID, Once: once,
		Match: func(version uint64) bool { return transports.MatchVersion(c.HTTP(), version) },
		Noting: func(before, after *catalog.Entry) error {
			return noting.Note(c.Deadline(), before.Body, after.Body)
		},
	})
	if err != nil {
		noting.Undone(c.Deadline(), err)
		return r, err
	}
	Replayed(c, r.Replayed)
	return r, nil
}

// answer answers with a version and its tag.
func (e *Entries) answer(c Call, code int, entry *catalog.Entry) {
	Tag(c, entry.Version)
	c.Reply(code, entry.AppendJSON(nil, e.ID))
}
