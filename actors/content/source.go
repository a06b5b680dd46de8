package content

import "encoding/json"

// A Source is a template as its author writes it. What is in its strings is Liquid.
type Source struct {
	Category  string               `json:"category,omitempty"` // of messages that name none
	Locale    string               `json:"locale"`             // whose content is for whoever has no other
	Variables map[string]Variable  `json:"variables,omitempty"`
	Content   map[string]*Channels `json:"content"` // by locale
}

// A Variable is one that a send brings.
type Variable struct {
	Type        string          `json:"type"` // of types
	Required    bool            `json:"required,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"`
	Description string          `json:"description,omitempty"`
}

// Channels are what is said by each channel; nil: nothing is.
type Channels struct {
	InApp  *InApp  `json:"inapp,omitempty"`
	Email  *Email  `json:"email,omitempty"`
	SMS    *SMS    `json:"sms,omitempty"`
	WeChat *WeChat `json:"wechat,omitempty"`
	Robot  *Robot  `json:"robot,omitempty"`
	Push   *Push   `json:"push,omitempty"`
}

// InApp is a message of the inbox.
type InApp struct {
	Title   string          `json:"title,omitempty"`
	Body    string          `json:"body,omitempty"`
	URL     string          `json:"url,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"` // any JSON; a string that is one variable alone becomes its value
	Actions []Action        `json:"actions,omitempty"`
}

// An Action is a button of a message.
type Action struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	URL   string `json:"url,omitempty"`
	Reply bool   `json:"reply,omitempty"`
}

// Email is a mail. What a variable says is escaped in HTML.
type Email struct {
	Subject string `json:"subject"`
	HTML    string `json:"html,omitempty"`
	Text    string `json:"text,omitempty"`
}

// SMS is a text, or what the provider keeps as a template, with its parameters.
type SMS struct {
	Text       string            `json:"text,omitempty"`
	Template   string            `json:"template,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// WeChat is a template message: the provider's template, its fields, and where it leads.
type WeChat struct {
	Template string            `json:"template"`
	Fields   map[string]string `json:"fields,omitempty"`
	Page     string            `json:"page,omitempty"`
}

// Robot is what a robot of a work chat says.
type Robot struct {
	Markdown string `json:"markdown"`
}

// Push is a notification of a device.
type Push struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	Badge *bool  `json:"badge,omitempty"` // whether the app's badge shows the unread count; nil: it does
}

// ChannelNames are the channels that have content.
var ChannelNames = []string{"inapp", "email", "sms", "wechat", "robot", "push"}

// The bounds of a template. Texts are in bytes, as they are written and as they are
// rendered.
const (
	MaxSource      = 256 << 10 // of the whole template as JSON
	MaxText        = 64 << 10  // of a body, a mail's text, a robot's markdown
	MaxTitle       = 1 << 10   // of a title, a subject, a page
	MaxURL         = 2 << 10
	MaxHTML        = 128 << 10
	MaxData        = 64 << 10 // of data, and of the variables of a send
	MaxShort       = 1 << 10  // of an SMS, a parameter, a field
	MaxLabel       = 128      // of an action
	MaxID          = 64       // of an action, a provider's template, a parameter's name
	MaxDescription = 256
	maxActions     = 8
	maxParameters  = 32
	maxVariables   = 64
	maxItems       = 1000 // of a list in a variable
)

// A visitor sees each string of Channels that is Liquid, and returns what takes its place.
type visitor struct {
	text func(field, s string, limit int, html bool) (string, error)
	// data is text for a string within data, which any value may take the place of.
	data func(field, s string) (any, error)
}

// mapped returns the channels with each string visited, always in the same order. field
// precedes the names of fields; only: the one channel to visit, the others are left out;
// empty: all.
func (c *Channels) mapped(field, only string, v *visitor) (*Channels, error) {
	out := &Channels{}
	var err error
	want := func(name string, there bool) bool { return err == nil && there && (only == "" || only == name) }
	if want("inapp", c.InApp != nil) {
		out.InApp, err = c.InApp.mapped(field+".inapp", v)
	}
	if want("email", c.Email != nil) {
		m := *c.Email
		err = v.all(field+".email", part{".subject", &m.Subject, MaxTitle, false}, part{".html", &m.HTML, MaxHTML, true}, part{".text", &m.Text, MaxText, false})
		out.Email = &m
	}
	if want("sms", c.SMS != nil) {
		m := *c.SMS
		if err = v.all(field+".sms", part{".text", &m.Text, MaxShort, false}); err == nil {
			m.Parameters, err = v.each(field+".sms.parameters", m.Parameters)
		}
		out.SMS = &m
	}
	if want("wechat", c.WeChat != nil) {
		m := *c.WeChat
		if err = v.all(field+".wechat", part{".page", &m.Page, MaxTitle, false}); err == nil {
			m.Fields, err = v.each(field+".wechat.fields", m.Fields)
		}
		out.WeChat = &m
	}
	if want("robot", c.Robot != nil) {
		m := *c.Robot
		err = v.all(field+".robot", part{".markdown", &m.Markdown, MaxText, false})
		out.Robot = &m
	}
	if want("push", c.Push != nil) {
		m := *c.Push
		err = v.all(field+".push", part{".title", &m.Title, MaxTitle, false}, part{".body", &m.Body, MaxText, false})
		out.Push = &m
	}
	return out, err
}

func (m InApp) mapped(field string, v *visitor) (*InApp, error) {
	err := v.all(field, part{".title", &m.Title, MaxTitle, false}, part{".body", &m.Body, MaxText, false}, part{".url", &m.URL, MaxURL, false})
	if err != nil {
		return nil, err
	}
	if m.Data, err = v.json(field+".data", m.Data); err != nil {
		return nil, err
	}
	m.Actions = append([]Action(nil), m.Actions...)
	for i := range m.Actions {
		a := &m.Actions[i]
		at := field + ".actions." + a.ID
		if err := v.all(at, part{".label", &a.Label, MaxLabel, false}, part{".url", &a.URL, MaxURL, false}); err != nil {
			return nil, err
		}
	}
	return &m, nil
}
