package content

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/content"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/api/review"
)

// testTag is the tag of users who are for trying out: whoever may write templates may send
// them what was not approved.
const testTag = "tester"

// A trial is what a preview or a test send asks for.
type trial struct {
	user    string
	data    json.RawMessage
	locale  string
	channel string
	version uint64 // 0: the newest
}

// readTrial reads the body; also says which further fields there are.
func readTrial(c resource.Call, also func(r reader, t *trial) members) (*trial, error) {
	body, err := c.ReadBody(0)
	if err != nil {
		return nil, err
	}
	r, t := reader{c.Fields()}, &trial{}
	m := members{"user": r.word(&t.user, transports.MaxUser), "data": r.value(&t.data, content.MaxData), "locale": r.word(&t.locale, maxLocale), "version": r.version(&t.version)}
	for name, read := range also(r, t) {
		m[name] = read
	}
	if len(body) > 0 {
		if err := r.in.Whole(body, func(name string) error { return r.member("", name, m) }); err != nil {
			return nil, err
		}
	}
	if t.user != "" {
		if t.user, err = c.Who().Resolve(t.user); err != nil {
			return nil, err
		}
	}
	if t.channel != "" && !slices.Contains(content.ChannelNames, t.channel) {
		return nil, transports.WrongField("channel", "there is no such channel; there are "+strings.Join(content.ChannelNames, ", "))
	}
	return t, nil
}

// known is what is known of a user that matters here.
type known struct {
	Locale string   `json:"locale"`
	Tags   []string `json:"tags"`
}

// user asks what is known of the trial's user.
func (t *Templates) user(c resource.Call, user string) (k known, err error) {
	r := actors.NewRequest(actors.UserKey(c.Who().App, user), &actors.ReadProfile{Part: actors.PartProfile})
	if err := t.Router.Ask(c.Deadline(), r); err != nil {
		return k, err
	}
	if err := json.Unmarshal(r.Answer.Body, &k); err != nil {
		return k, fmt.Errorf("the profile of %s: %w", user, err)
	}
	r.Release()
	return k, nil
}

// preview is POST /v1/templates/{id}/preview: what a version says to a user, or in a
// locale. Nothing is written.
func (t *Templates) preview(c resource.Call) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	p, err := readTrial(c, func(r reader, t *trial) members { return members{"channel": r.word(&t.channel, content.MaxID)} })
	if err != nil {
		return err
	}
	if p.user != "" && p.locale != "" {
		return transports.WrongField("locale", "name a user or a locale: a user has one")
	}
	x, _, v, err := t.Store.Open(c.Deadline(), c.Who().App, name, p.version)
	if err != nil {
		return err
	}
	if p.user != "" {
		k, err := t.user(c, p.user)
		if err != nil {
			return err
		}
		p.locale = k.Locale
	}
	values, err := x.Bind("data", p.data)
	if err != nil {
		return err
	}
	out := previewed{ID: name, Version: v.Number, State: v.State, Hash: v.Hash, Locales: map[string]string{}, Content: &content.Channels{}}
	for _, channel := range content.ChannelNames {
		if !x.Has(channel) || p.channel != "" && p.channel != channel {
			continue
		}
		locale := x.For(p.locale, channel)
		said, err := x.Render(locale, channel, values)
		if err != nil {
			return err
		}
		out.Locales[channel] = locale
		out.Content.Take(said)
	}
	if len(out.Locales) == 0 {
		return &actors.Error{Code: actors.NotFound, Field: "channel", Detail: "the template says nothing by this channel"}
	}
	return c.Encode(fasthttp.StatusOK, out)
}

// previewed is what a version says.
type previewed struct {
	ID      string            `json:"id"`
	Version uint64            `json:"version"`
	State   content.State     `json:"state"`
	Hash    string            `json:"hash"`
	Locales map[string]string `json:"locales"` // by channel
	Content *content.Channels `json:"content"`
}

// testSend is POST /v1/templates/{id}/test-send: a message to a user who is for trying
// out, of any version.
func (t *Templates) testSend(c resource.Call) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	p, err := readTrial(c, func(reader, *trial) members { return nil })
	if err != nil {
		return err
	}
	if p.user == "" {
		return transports.WrongField("user", "it is missing: say whom to send it to")
	}
	x, _, v, err := t.Store.Open(c.Deadline(), c.Who().App, name, p.version)
	if err != nil {
		return err
	}
	k, err := t.user(c, p.user)
	switch {
	case err != nil:
		return err
	case !slices.Contains(k.Tags, testTag):
		return &actors.Error{Code: actors.Forbidden, Field: "user", Detail: fmt.Sprintf("user: a test goes to users with the tag %q alone, which %s has not", testTag, p.user)}
	case !x.Has("inapp"):
		return &actors.Error{Code: actors.Conflict, Detail: "the template says nothing by inapp, which is all that a test sends"}
	case p.locale == "":
		p.locale = k.Locale
	}
	values, err := x.Bind("data", p.data)
	if err != nil {
		return err
	}
	locale := x.For(p.locale, "inapp")
	said, err := x.Render(locale, "inapp", values)
	if err != nil {
		return err
	}
	return t.deliver(c, name, p.user, x, v, locale, said.InApp)
}

// deliver sends the test.
func (t *Templates) deliver(c resource.Call, name, user string, x *content.Template, v *content.Version, locale string, said *content.InApp) error {
	once, err := c.CallersOnce()
	if err != nil {
		return err
	}
	if err := t.Gate.Publish(c.Who(), 1); err != nil {
		return err
	}
	id := actors.NewID()
	if once.IsZero() {
		once = actors.EdgeOnce(id)
	}
	m := &actors.Message{Id: id[:], Category: x.Category(), Content: said.AppendMembers(nil), CreatedAt: t.Now().UnixMilli()}
	if m.Category == "" {
		m.Category = actors.DefaultCategory
	}
	r := actors.NewRequest(actors.UserKey(c.Who().App, user), &actors.Publish{Message: m})
	r.Once = once
	noting := c.Noting(transports.AuditTemplateTest, "template:"+name)
	after, err := json.Marshal(map[string]any{"version": v.Number, "hash": v.Hash, "user": user})
	if err != nil {
		return fmt.Errorf("encode what is noted: %w", err)
	}
	if err := noting.Note(c.Deadline(), nil, after); err != nil {
		return err
	}
	if err := t.Router.Ask(c.Deadline(), r); err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	answer := r.Answer
	r.Release()
	resource.Replayed(c, answer.Replayed)
	return c.Encode(fasthttp.StatusCreated, map[string]any{"id": answer.ID.String(), "version": v.Number, "locale": locale})
}
