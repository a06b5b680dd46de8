package api

import (
	"reddot/actors"
	"reddot/actors/content"
	"reddot/transports/api/words"
	"reddot/transports/jsontext"
)

// compose makes the draft's message of the template that it names, if it names one. order
// is the draft as a command, and the actor to give it to: the repeat of a message that was
// accepted is answered by its key, also when the template is not sent any more.
func (a *API) compose(app string, d *draft, once actors.Once, order func() (actors.Key, actors.Command)) error {
	if d.template == nil {
		return nil
	}
	if a.deps.Templates == nil {
		return wrong("template", "this field is not enabled")
	}
	d.said = &actors.Message{Category: d.category}
	err := d.template.Fill(a.deadlines.Next(), a.deps.Templates, app, d.said, d.to.audience == nil, a.screenSaid(app, d))
	if err == nil {
		return nil
	}
	d.said.Content = []byte(`"data":null`) // it is not looked at
	if key, cmd := order(); a.knows(key, cmd, once) {
		return nil
	}
	return err
}

// screenSaid is screen for what a template says in a locale. What is to be reviewed does
// not stop it: the template was.
func (a *API) screenSaid(app string, d *draft) func(*content.InApp) {
	s := a.deps.Keywords.Of(app)
	if s == nil {
		return func(*content.InApp) {}
	}
	return func(m *content.InApp) {
		title, body, data := jsontext.NewText(m.Title), jsontext.NewText(m.Body), []byte(m.Data)
		stop := words.Screen(s, a.metrics.keywords, &title, &body, &data)
		if m.Title, m.Body, m.Data = title.String(), body.String(), data; stop.Verdict().GetRule() == actors.Rule_KEYWORDS {
			d.stop = stop
		}
	}
}

// composed puts what the template says into a message.
func (d *draft) composed(m *actors.Message) {
	t := d.said
	m.Content, m.Variants, m.Template, m.TemplateVersion, m.TemplateHash = t.Content, t.Variants, t.Template, t.TemplateVersion, t.TemplateHash
	if t.Category != "" {
		m.Category = t.Category
	}
}
