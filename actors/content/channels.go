package content

import (
	"maps"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
)

// Names are the channels that something is said by, in the order of ChannelNames.
func (c *Channels) Names() []string {
	return slices.DeleteFunc(slices.Clone(ChannelNames), func(name string) bool { return !c.Has(name) })
}

// Has tells whether something is said by the channel.
func (c *Channels) Has(channel string) bool {
	if c == nil {
		return false
	}
	switch channel {
	case "inapp":
		return c.InApp != nil
	case "email":
		return c.Email != nil
	case "sms":
		return c.SMS != nil
	case "wechat":
		return c.WeChat != nil
	case "robot":
		return c.Robot != nil
	case "push":
		return c.Push != nil
	}
	return false
}

// Take takes over what the other has.
func (c *Channels) Take(o *Channels) {
	for _, name := range o.Names() {
		switch name {
		case "inapp":
			c.InApp = o.InApp
		case "email":
			c.Email = o.Email
		case "sms":
			c.SMS = o.SMS
		case "wechat":
			c.WeChat = o.WeChat
		case "robot":
			c.Robot = o.Robot
		case "push":
			c.Push = o.Push
		}
	}
}

// check checks what is no text of the source.
func (s *Source) check() error {
	switch {
	case s.Category != "" && (len(s.Category) > MaxID || !profile.IsLabel(s.Category)):
		return wrong("category", "it must be 1 to %d characters of A-Z a-z 0-9 . _ : -", MaxID)
	case s.Locale == "":
		return wrong("locale", "say which locale is for whoever has no other")
	case len(s.Content) == 0:
		return wrong("content", "it is missing: say by locale and channel what is sent")
	case len(s.Content) > maxLocales:
		return wrong("content", "there are at most %d locales", maxLocales)
	case s.Content[s.Locale] == nil:
		return wrong("locale", "content has no %q", cut(s.Locale))
	}
	if err := checkVariables(s.Variables); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, locale := range slices.Sorted(maps.Keys(s.Content)) {
		field := "content." + cut(locale)
		switch {
		case !profile.IsLocale(locale):
			return wrong(field, "%q is no language tag such as zh-CN", cut(locale))
		case seen[strings.ToLower(locale)]:
			return wrong(field, "the locale stands twice: capitals make no difference")
		case len(s.Content[locale].Names()) == 0:
			return wrong(field, "it says nothing; there are %s", strings.Join(ChannelNames, ", "))
		}
		seen[strings.ToLower(locale)] = true
		for _, name := range s.Content[locale].Names() {
			if !s.Content[s.Locale].Has(name) {
				return wrong(field+"."+name, "the default locale %s says nothing by this channel, and is for whoever has no other", s.Locale)
			}
		}
	}
	return nil
}

// check checks what is needed of each channel, and what is no Liquid.
func (c *Channels) check(field string) error {
	need := func(name string, ok bool, what string) error {
		if ok {
			return nil
		}
		return wrong(field+"."+name, "%s", what)
	}
	if m := c.InApp; m != nil {
		if m.Title == "" && m.Body == "" && len(m.Data) == 0 {
			return wrong(field+".inapp", "it needs a title, a body or data")
		}
		if err := checkActions(field+".inapp.actions", m.Actions); err != nil {
			return err
		}
	}
	if m := c.Email; m != nil {
		if err := need("email.subject", m.Subject != "", "it is missing"); err != nil {
			return err
		}
		if err := need("email", m.HTML != "" || m.Text != "", "it needs html or text"); err != nil {
			return err
		}
	}
	if m := c.SMS; m != nil {
		if err := need("sms", (m.Text != "") != (m.Template != ""), "it needs a text, or a template of the provider's; not both"); err != nil {
			return err
		}
		if err := need("sms.parameters", m.Template != "" || len(m.Parameters) == 0, "they go with a template of the provider's"); err != nil {
			return err
		}
		if err := checkParameters(field+".sms", m.Template, m.Parameters, "parameters"); err != nil {
			return err
		}
	}
	if m := c.WeChat; m != nil {
		if err := need("wechat.template", m.Template != "", "it is missing"); err != nil {
			return err
		}
		if err := checkParameters(field+".wechat", m.Template, m.Fields, "fields"); err != nil {
			return err
		}
	}
	if m := c.Robot; m != nil {
		if err := need("robot.markdown", m.Markdown != "", "it is missing"); err != nil {
			return err
		}
	}
	if m := c.Push; m != nil {
		return need("push", m.Title != "" || m.Body != "", "it needs a title or a body")
	}
	return nil
}

// checkParameters checks the names of a provider's template and of what it is given.
func checkParameters(field, template string, given map[string]string, member string) error {
	if len(template) > MaxID {
		return large(field+".template", MaxID)
	}
	if len(given) > maxParameters {
		return wrong(field+"."+member, "there are at most %d", maxParameters)
	}
	for name := range given {
		if name == "" || len(name) > MaxID {
			return wrong(field+"."+member, "a name has 1 to %d bytes", MaxID)
		}
	}
	return nil
}

func checkActions(field string, list []Action) error {
	if len(list) > maxActions {
		return wrong(field, "there are at most %d", maxActions)
	}
	seen := map[string]bool{}
	for _, a := range list {
		at := field + "." + cut(a.ID)
		switch {
		case a.ID == "" || len(a.ID) > MaxID || !profile.IsLabel(a.ID):
			return wrong(field, "an action's id has 1 to %d characters of A-Z a-z 0-9 . _ : -", MaxID)
		case seen[a.ID]:
			return wrong(at, "it stands twice")
		case a.Label == "":
			return wrong(at+".label", "it is missing")
		case a.URL != "" && a.Reply:
			return wrong(at, "it has a url or takes a reply, not both")
		}
		seen[a.ID] = true
	}
	return nil
}

// checkRendered checks what was rendered where it must be more than a text.
func (c *Channels) checkRendered(field string) error {
	if c.InApp == nil {
		return nil
	}
	if c.InApp.URL != "" {
		if fault := actors.URLFault(c.InApp.URL); fault != "" {
			return wrong(field+".inapp.url", "%s", fault)
		}
	}
	for _, a := range c.InApp.Actions {
		if a.URL == "" {
			continue
		}
		if fault := actors.URLFault(a.URL); fault != "" {
			return wrong(field+".inapp.actions."+a.ID+".url", "%s", fault)
		}
	}
	return nil
}
