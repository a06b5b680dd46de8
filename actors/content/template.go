package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"reddot/actors"
)

// A Template is a source that was checked, ready to be rendered. It is immutable.
type Template struct {
	source *Source
	body   []byte             // of the source, canonical
	hash   string             // of the body
	texts  map[string][]*text // by locale and channel ("zh/inapp"), in the order in which they are visited
}

// Check makes a template of a source.
func Check(s *Source) (*Template, error) {
	t := &Template{source: s, texts: map[string][]*text{}}
	if err := s.check(); err != nil {
		return nil, err
	}
	for _, locale := range t.Locales() {
		c := s.Content[locale]
		if err := c.check("content." + locale); err != nil {
			return nil, err
		}
		for _, channel := range c.Names() {
			list, err := s.compile(locale, channel)
			if err != nil {
				return nil, err
			}
			t.texts[locale+"/"+channel] = list
		}
	}
	var err error
	if t.body, err = canonical(s); err != nil {
		return nil, err
	}
	if len(t.body) > MaxSource {
		return nil, large("body", MaxSource)
	}
	sum := sha256.Sum256(t.body)
	t.hash = hex.EncodeToString(sum[:])
	return t, nil
}

// Parse makes a template of a body that Check has made.
func Parse(body []byte) (*Template, error) {
	var s Source
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("decode a template: %w", err)
	}
	return Check(&s)
}

// canonical writes a source so that the same one is always the same bytes.
func canonical(s *Source) ([]byte, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode a template: %w", err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("encode a template: %w", err)
	}
	return b.Bytes(), nil
}

// Body is the source as JSON; who gets it must not change it.
func (t *Template) Body() []byte { return t.body }

// Hash stands for the body: 64 hexadecimal digits of its SHA-256.
func (t *Template) Hash() string { return t.hash }

// Category is that of messages that name none; empty: it says none.
func (t *Template) Category() string { return t.source.Category }

// Default is the locale for whoever has no other.
func (t *Template) Default() string { return t.source.Locale }

// Locales are those that have content, in order.
func (t *Template) Locales() []string { return slices.Sorted(maps.Keys(t.source.Content)) }

// Has tells whether the template says something by the channel.
func (t *Template) Has(channel string) bool { return t.source.Content[t.source.Locale].Has(channel) }

// For returns the locale whose content of a channel is for a user with the locale: its
// own, or that without its last part, and so on, or the default.
func (t *Template) For(locale, channel string) string {
	found := actors.FindLocale(locale, func(has string) (string, bool) {
		for name, c := range t.source.Content {
			if strings.EqualFold(name, has) && c.Has(channel) {
				return name, true
			}
		}
		return "", false
	})
	if found == "" {
		return t.source.Locale
	}
	return found
}

// Render returns what is said by a channel; empty: by all that the locale has. It is one
// of Locales.
func (t *Template) Render(locale, channel string, v Values) (*Channels, error) {
	c := t.source.Content[locale]
	if c == nil || channel != "" && !c.Has(channel) {
		return nil, actors.Errorf(actors.NotFound, "the template says nothing by %s in %s", channel, locale)
	}
	r := newRun(v)
	out := &Channels{}
	for _, name := range c.Names() {
		if channel != "" && channel != name {
			continue
		}
		texts := t.texts[locale+"/"+name]
		next := func() *text {
			first := texts[0]
			texts = texts[1:]
			return first
		}
		some, err := c.mapped("content."+locale, name, &visitor{
			text: func(_, _ string, _ int, _ bool) (string, error) { return r.render(next()) },
			data: func(_, _ string) (any, error) {
				x := next()
				if x.alone != "" {
					return r.alone(x)
				}
				return r.render(x)
			},
		})
		if err != nil {
			return nil, err
		}
		out.Take(some)
	}
	return out, out.checkRendered("content." + locale)
}

// alone returns the value of the one variable that the text is; without one it is null.
func (r *run) alone(t *text) (any, error) { return unbound(r.values[t.alone]), nil }

// compile makes the texts of a channel ready.
func (s *Source) compile(locale, channel string) (list []*text, err error) {
	add := func(field, source string, limit int, html bool) (string, error) {
		t, err := compile(field, source, limit, html, s.Variables)
		list = append(list, t)
		return source, err
	}
	_, err = s.Content[locale].mapped("content."+locale, channel, &visitor{
		text: add,
		data: func(field, source string) (any, error) { return add(field, source, MaxText, false) },
	})
	return list, err
}
