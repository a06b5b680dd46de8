package composed

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"

	"reddot/actors"
	"reddot/actors/content"
	"reddot/actors/templates"
	"reddot/transports"
)

// field is the publish's field that names a template.
const field = "template"

// maxSaid is how many bytes a message may have in all locales together.
const maxSaid = 512 << 10

// An Order names what a message is made of.
type Order struct {
	id      string
	version uint64 // 0: the live one
	data    json.RawMessage
}

// Read reads {"id","version","data"}.
func Read(in *transports.FieldReader) (*Order, error) {
	o := &Order{}
	err := in.Object(field, func(name string) (err error) {
		switch name {
		case "id":
			o.id, err = in.WordField(field+".id", transports.MaxUser)
			if err == nil {
				if _, bad := transports.ParseName(o.id); bad != nil {
					err = transports.WrongField(field+".id", "it has 1 to 64 characters of A-Z a-z 0-9 . _ - and is not . or ..")
				}
			}
		case "version":
			if c := in.Peek(); c != '-' && (c < '0' || c > '9') {
				return in.NotA(field+".version", "a version's number")
			}
			n, ok := in.Int()
			if o.version = uint64(max(n, 0)); !ok || n < 1 {
				err = transports.WrongField(field+".version", "versions are numbered from 1")
			}
		case "data":
			v, ok := in.Value(nil)
			switch {
			case !ok:
				return in.Err()
			case len(v) > content.MaxData:
				return transports.LargeField(field+".data", content.MaxData)
			}
			o.data = v
		default:
			err = transports.WrongField(field+"."+transports.ShownField(name), "there is no such field; there are id, version, data")
		}
		return err
	})
	if err == nil && o.id == "" {
		err = transports.WrongField(field+".id", "it is missing")
	}
	return o, err
}

// Fill puts into a message what the template says: in the template's own locale, and with
// variants in the others. The message keeps its category if it has one. screen is given
// what is said, and may change it.
func (o *Order) Fill(ctx context.Context, store *templates.Templates, app string, m *actors.Message, variants bool, screen func(*content.InApp)) error {
	x, v, err := store.Sendable(ctx, app, o.id, o.version)
	if err == nil && !x.Has("inapp") {
		err = actors.Errorf(actors.Conflict, "the template %s says nothing by inapp", o.id)
	}
	if err != nil {
		return placed(err)
	}
	values, err := x.Bind(field+".data", o.data)
	if err != nil {
		return err
	}
	size := 0
	say := func(locale string) ([]byte, error) {
		said, err := x.Render(locale, "inapp", values)
		if err != nil {
			return nil, placed(err)
		}
		screen(said.InApp)
		b := said.InApp.AppendMembers(nil)
		if size += len(b); size > maxSaid {
			return nil, transports.LargeField(field, maxSaid)
		}
		return b, nil
	}
	if m.Content, err = say(x.Default()); err != nil {
		return err
	}
	for _, locale := range x.Locales() {
		if !variants || locale == x.Default() || x.For(locale, "inapp") != locale {
			continue
		}
		said, err := say(locale)
		if err != nil {
			return err
		}
		m.Variants = append(m.Variants, &actors.Variant{Locale: locale, Content: said})
	}
	if m.Category == "" {
		m.Category = x.Category()
	}
	m.Template, m.TemplateVersion = o.id, v.Number
	if m.TemplateHash, err = hex.DecodeString(v.Hash); err != nil {
		return err
	}
	return nil
}

// placed says of an error that it is the template's.
func placed(err error) error {
	var e *actors.Error
	if !errors.As(err, &e) || e.Code == actors.Internal || e.Code.Temporary() {
		return err
	}
	at := *e
	if at.Field = field; e.Field != "" {
		at.Field += "." + e.Field
	}
	return &at
}
