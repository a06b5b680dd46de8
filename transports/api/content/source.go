package content

import (
	"encoding/json"
	"slices"
	"strings"

	"reddot/actors/content"
	"reddot/transports"
	"reddot/transports/api/review"
)

// A reader reads a template's source.
type reader struct{ in *transports.FieldReader }

// members are the fields of an object, each with what reads it.
type members = map[string]func(field string) error

// object reads an object with the members, and no others. prefix precedes their names.
func (r reader) object(field string, m members) error {
	return r.in.Object(field, func(name string) error { return r.member(field+".", name, m) })
}

func (r reader) member(prefix, name string, m members) error {
	read, ok := m[name]
	if !ok {
		names := make([]string, 0, len(m))
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		return transports.WrongField(prefix+transports.ShownField(name), "there is no such field; there are "+strings.Join(names, ", "))
	}
	return read(prefix + name)
}

// word reads a string, which may be empty.
func (r reader) word(into *string, limit int) func(string) error {
	return func(field string) (err error) {
		*into, err = r.in.StringField(field, limit)
		return err
	}
}

// value reads any JSON.
func (r reader) value(into *json.RawMessage, limit int) func(string) error {
	return func(field string) error {
		v, ok := r.in.Value(nil)
		if !ok {
			return r.in.Err()
		}
		if len(v) > limit {
			return transports.LargeField(field, limit)
		}
		if *into = v; string(v) == "null" {
			*into = nil
		}
		return nil
	}
}

func (r reader) flag(into *bool) func(string) error {
	return func(field string) (err error) {
		*into, err = r.in.BoolField(field)
		return err
	}
}

// words reads an object of strings.
func (r reader) words(into *map[string]string, limit int) func(string) error {
	return func(field string) error {
		*into = map[string]string{}
		return r.in.Object(field, func(name string) (err error) {
			(*into)[name], err = r.in.StringField(transports.ShownField(field+"."+name), limit)
			return err
		})
	}
}

// source reads the whole of a template.
func (r reader) source(body []byte) (*content.Source, error) {
	s := &content.Source{}
	m := members{
		"category": r.word(&s.Category, transports.MaxCategory),
		"locale":   r.word(&s.Locale, maxLocale),
		"variables": func(field string) error {
			s.Variables = map[string]content.Variable{}
			return r.in.Object(field, func(name string) error {
				v := content.Variable{}
				err := r.object(transports.ShownField(field+"."+name), members{
					"type": r.word(&v.Type, content.MaxID), "required": r.flag(&v.Required),
					"default": r.value(&v.Default, content.MaxData), "description": r.word(&v.Description, content.MaxDescription),
				})
				s.Variables[name] = v
				return err
			})
		},
		"content": func(field string) error {
			s.Content = map[string]*content.Channels{}
			return r.in.Object(field, func(locale string) error {
				c := &content.Channels{}
				s.Content[locale] = c
				return r.object(transports.ShownField(field+"."+locale), r.channels(c))
			})
		},
	}
	return s, r.in.Whole(body, func(name string) error { return r.member("", name, m) })
}

// maxLocale is how long a locale may be, in bytes.
const maxLocale = 35

// channels reads what is said in one locale.
func (r reader) channels(c *content.Channels) members {
	return members{
		"inapp": func(field string) error {
			c.InApp = &content.InApp{}
			m := c.InApp
			return r.object(field, members{"title": r.word(&m.Title, content.MaxTitle), "body": r.word(&m.Body, content.MaxText), "url": r.word(&m.URL, content.MaxURL),
				"data": r.value(&m.Data, content.MaxData), "actions": r.actions(&m.Actions)})
		},
		"email": func(field string) error {
			c.Email = &content.Email{}
			m := c.Email
			return r.object(field, members{"subject": r.word(&m.Subject, content.MaxTitle), "html": r.word(&m.HTML, content.MaxHTML), "text": r.word(&m.Text, content.MaxText)})
		},
		"sms": func(field string) error {
			c.SMS = &content.SMS{}
			m := c.SMS
			return r.object(field, members{"text": r.word(&m.Text, content.MaxShort), "template": r.word(&m.Template, content.MaxID), "parameters": r.words(&m.Parameters, content.MaxShort)})
		},
		"wechat": func(field string) error {
			c.WeChat = &content.WeChat{}
			m := c.WeChat
			return r.object(field, members{"template": r.word(&m.Template, content.MaxID), "fields": r.words(&m.Fields, content.MaxShort), "page": r.word(&m.Page, content.MaxTitle)})
		},
		"robot": func(field string) error {
			c.Robot = &content.Robot{}
			return r.object(field, members{"markdown": r.word(&c.Robot.Markdown, content.MaxText)})
		},
		"push": func(field string) error {
			c.Push = &content.Push{}
			m := c.Push
			return r.object(field, members{"title": r.word(&m.Title, content.MaxTitle), "body": r.word(&m.Body, content.MaxText),
				"badge": func(field string) error {
					m.Badge = new(bool)
					return r.flag(m.Badge)(field)
				}})
		},
	}
}

// actions reads the buttons of a message.
func (r reader) actions(into *[]content.Action) func(string) error {
	return func(field string) error {
		if !r.in.Open('[') {
			return r.in.NotA(field, "an array of actions")
		}
		for first := true; r.in.Item(first); first = false {
			a := content.Action{}
			if err := r.object(field, members{"id": r.word(&a.ID, content.MaxID), "label": r.word(&a.Label, content.MaxLabel), "url": r.word(&a.URL, content.MaxURL), "reply": r.flag(&a.Reply)}); err != nil {
				return err
			}
			*into = append(*into, a)
		}
		if r.in.Bad() {
			return r.in.Err()
		}
		return nil
	}
}

// version reads a version's number.
func (r reader) version(into *uint64) func(string) error {
	return func(field string) (err error) {
		*into, err = review.ReadVersion(r.in, field)
		return err
	}
}
