package words

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/keywords"
	"reddot/actors/screening"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/jsontext"
)

// The bounds of a request.
const (
	maxBody = 16 << 20 // bytes of words: 100,000 of the longest fit
	maxTest = 64 << 10 // bytes of a text that is tested
	maxWord = 1 << 10  // bytes of a word as it is sent: keywords.ParseWord bounds its characters
)

// maxHits is how many hits of a test are shown.
const maxHits = 100

// Lists are the resource.
type Lists struct{ Lists *screening.Lists }

// Routes are those of the resource.
func (l *Lists) Routes() []*resource.Route {
	const path, list = "/v1/keywords", "/v1/keywords/{list}"
	return []*resource.Route{
		{Method: "GET", Path: path, Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: l.overview},
		{Method: "GET", Path: list, Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: l.words},
		{Method: "GET", Path: list + "/export", Access: transports.ToBrowse, Handle: l.export},
		{Method: "POST", Path: list, Access: transports.ToAuthor, Handle: l.add},
		{Method: "POST", Path: list + "/remove", Access: transports.ToAuthor, Handle: l.remove},
		{Method: "POST", Path: list + "/test", Access: transports.ToBrowse, Query: []string{"all"}, Handle: l.test},
		{Method: "DELETE", Path: list, Access: transports.ToAuthor, Plain: true, Handle: l.drop},
	}
}

// overview is GET /v1/keywords.
func (l *Lists) overview(c resource.Call) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := next(c)
	if _, err := transports.ParseName(after); after != "" && err != nil {
		return errNext
	}
	page := struct {
		Lists []screening.Overview `json:"lists"`
		Next  string               `json:"next,omitempty"`
	}{}
	page.Lists, page.Next = l.Lists.List(c.Who().App, after, limit)
	return c.Encode(fasthttp.StatusOK, page)
}

var errNext = transports.WrongField("next", "this is no next that the server gave out")

func next(c resource.Call) string { return string(c.HTTP().QueryArgs().Peek("next")) }

func name(c resource.Call) (string, error) { return transports.ParseName(c.Param(0)) }

// A shownWord is a word as it is read and written.
type shownWord struct {
	Word   string `json:"word"`
	Action string `json:"action"`
}

// bucketsOfPage is how many buckets are read at a time for a page, and for all words.
const (
	bucketsOfPage   = 4
	bucketsOfExport = 64
)

// words is GET /v1/keywords/{list}.
func (l *Lists) words(c resource.Call) error {
	list, err := name(c)
	if err != nil {
		return err
	}
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := next(c)
	if _, err := keywords.ParseWord(after); after != "" && err != nil {
		return errNext
	}
	page := struct {
		Words []shownWord `json:"words"`
		Next  string      `json:"next,omitempty"`
	}{Words: []shownWord{}}
	err = l.Lists.Words(c.Deadline(), c.Who().App, list, after, bucketsOfPage, func(w screening.Word) bool {
		if len(page.Words) == limit {
			page.Next = page.Words[limit-1].Word
			return false
		}
		page.Words = append(page.Words, shownWord{w.Text, w.Action.String()})
		return true
	})
	if err != nil {
		return err
	}
	return c.Encode(fasthttp.StatusOK, page)
}

// export is GET /v1/keywords/{list}/export: all words, a line each. They fit into memory,
// as those of a request do.
func (l *Lists) export(c resource.Call) error {
	list, err := name(c)
	if err != nil {
		return err
	}
	var b []byte
	err = l.Lists.Words(c.Deadline(), c.Who().App, list, "", bucketsOfExport, func(w screening.Word) bool {
		b = append(actors.AppendString(append(b, `{"word":`...), w.Text), `,"action":"`...)
		b = append(append(b, w.Action.String()...), "\"}\n"...)
		return true
	})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, b)
	c.HTTP().SetContentType(typeLines)
	return nil
}

const typeLines = "application/x-ndjson"

func (l *Lists) add(c resource.Call) error    { return l.change(c, false) }
func (l *Lists) remove(c resource.Call) error { return l.change(c, true) }

// change is POST /v1/keywords/{list}, and …/remove.
func (l *Lists) change(c resource.Call, remove bool) error {
	list, err := name(c)
	if err != nil {
		return err
	}
	body, err := c.ReadLong(maxBody)
	if err != nil {
		return err
	}
	edits, err := readEdits(c.Fields(), c.HTTP().Request.Header.ContentType(), body, remove)
	if err != nil {
		return err
	}
	once, err := c.CallersOnce()
	if err != nil {
		return err
	}
	noting := c.Noting(transports.AuditKeywordsChange, "keywords:"+list)
	r, err := l.Lists.Change(c.Deadline(), c.Who().App, list, screening.Change{Words: edits, Once: once,
		Noting: func() error { return noting.Note(c.Deadline(), nil, noted(edits)) }})
	if err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	replayed(c, r)
	return c.Encode(fasthttp.StatusOK, r)
}

func replayed(c resource.Call, r screening.Result) {
	if r.Replayed {
		c.HTTP().Response.Header.Set("Idempotent-Replayed", "true")
	}
}

// mostNoted is how many words of a change are in the audit log.
const mostNoted = 20

// noted is what the audit log says of a change: how many words it names, and the first.
func noted(edits []screening.Edit) []byte {
	n := struct {
		Count int         `json:"count"`
		Words []shownWord `json:"words"`
	}{Count: len(edits), Words: []shownWord{}}
	for _, e := range edits[:min(len(edits), mostNoted)] {
		action := "remove"
		if e.Action != 0 {
			action = e.Action.String()
		}
		n.Words = append(n.Words, shownWord{e.Text, action})
	}
	b, err := json.Marshal(n)
	if err != nil {
		return nil // texts cannot fail
	}
	return b
}

// drop is DELETE /v1/keywords/{list}.
func (l *Lists) drop(c resource.Call) error {
	list, err := name(c)
	if err != nil {
		return err
	}
	once, err := c.CallersOnce()
	if err != nil {
		return err
	}
	noting := c.Noting(transports.AuditKeywordsDrop, "keywords:"+list)
	r, err := l.Lists.Delete(c.Deadline(), c.Who().App, list, screening.Change{Once: once,
		Noting: func() error { return noting.Note(c.Deadline(), nil, nil) }})
	if err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	replayed(c, r)
	c.HTTP().SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// readEdits reads words: JSON of one or of an array of them, or a line each.
func readEdits(in *transports.FieldReader, contentType, body []byte, remove bool) ([]screening.Edit, error) {
	trimmed := bytes.TrimSpace(body)
	kind, _, _ := bytes.Cut(contentType, []byte(";"))
	isJSON := bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/json"))
	switch {
	case len(trimmed) == 0:
		return nil, transports.WrongField("body", "it has no words")
	case trimmed[0] == '[':
		return readArray(in, trimmed, remove)
	case isJSON:
		e, err := readEdit(in, trimmed, remove)
		return []screening.Edit{e}, err
	}
	var edits []screening.Edit
	n := 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		e, err := readEdit(in, line, remove)
		if err != nil {
			return nil, at("line", n, err)
		}
		edits = append(edits, e)
	}
	return edits, nil
}

func readArray(in *transports.FieldReader, body []byte, remove bool) (edits []screening.Edit, err error) {
	items, err := jsontext.Split(body, transports.MaxDepth, len(body))
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, transports.WrongField("body", "it has no words")
	}
	for i, item := range items {
		e, err := readEdit(in, item, remove)
		if err != nil {
			return nil, at("element", i+1, err)
		}
		edits = append(edits, e)
	}
	return edits, nil
}

// at says where in a body the mistake is.
func at(what string, n int, err error) error {
	e := *actors.AsError(err)
	e.Detail = fmt.Sprintf("%s %d: %s", what, n, e.Detail)
	return &e
}

// readEdit reads {"word":…,"action":…}; to remove a word the action may be absent.
func readEdit(in *transports.FieldReader, src []byte, remove bool) (e screening.Edit, err error) {
	err = in.Whole(src, func(name string) (err error) {
		switch name {
		case "word":
			if e.Text, err = in.WordField("word", maxWord); err == nil {
				e.Folded, err = keywords.ParseWord(e.Text)
			}
			return err
		case "action":
			action, err := in.WordField("action", maxWord)
			if err == nil {
				e.Action, err = keywords.ParseAction(action)
			}
			return err
		}
		return transports.WrongField(transports.ShownField(name), "there is no such field")
	})
	switch {
	case err != nil:
		return e, err
	case e.Text == "":
		return e, transports.WrongField("word", "it is missing")
	case remove:
		e.Action = 0
	case e.Action == 0:
		return e, transports.WrongField("action", "it is missing: it must be block, mask, review or allow")
	}
	return e, nil
}

// test is POST /v1/keywords/{list}/test: what the list finds in a text, or with ?all=true
// what all lists of the app do.
func (l *Lists) test(c resource.Call) error {
	list, err := name(c)
	if err != nil {
		return err
	}
	body, err := c.ReadBody(2*maxTest + 64)
	if err != nil {
		return err
	}
	text, in := "", c.Fields()
	err = in.Whole(body, func(name string) (err error) {
		if name != "text" {
			return transports.WrongField(transports.ShownField(name), "there is no such field")
		}
		text, err = in.StringField("text", maxTest)
		return err
	})
	if err != nil {
		return err
	}
	screen, err := l.Lists.One(c.Who().App, list)
	if err != nil {
		return err
	}
	switch all := string(c.HTTP().QueryArgs().Peek("all")); {
	case all == "true":
		screen = l.Lists.Of(c.Who().App)
	case all != "false" && c.HTTP().QueryArgs().Has("all"):
		return transports.WrongField("all", "it must be true or false")
	}
	return l.answerTest(c, screen, text)
}

// A shownHit is a hit as it is shown.
type shownHit struct {
	List   string `json:"list"`
	Word   string `json:"word"`
	Action string `json:"action"`
	At     int    `json:"at"`
	Length int    `json:"length"`
}

func (l *Lists) answerTest(c resource.Call, screen *screening.Screen, text string) error {
	hits, count, masked := screen.Hits(text, maxHits)
	answer := struct {
		Hits  []shownHit `json:"hits"`
		Count int        `json:"count"`
		Text  string     `json:"text"`
	}{[]shownHit{}, count, masked}
	ctx := c.Deadline()
	for i := range hits {
		h := &hits[i]
		written, err := l.Lists.Written(ctx, c.Who().App, h)
		if err != nil {
			return err
		}
		answer.Hits = append(answer.Hits, shownHit{h.List, written, h.Action.String(), h.At, h.Count})
	}
	return c.Encode(fasthttp.StatusOK, answer)
}
