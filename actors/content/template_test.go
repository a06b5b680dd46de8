package content

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"reddot/actors"
)

const parcel = `{"category":"order","locale":"en","variables":{"who":{"type":"string","required":true},"items":{"type":"list","default":[]},"total":{"type":"number"}},
"content":{
 "en":{"inapp":{"title":"Hi {{ who }}","body":"{% for i in items %}{{ i }} {% endfor %}is on its way","url":"/orders?q={{ who | url_encode }}","data":{"items":"{{ items }}","note":"for {{ who }}","n":1.50}},
       "email":{"subject":"For {{ who }}","html":"<p>{{ who }}</p>"},"push":{"title":"{{ who }}"}},
 "zh":{"inapp":{"title":"{{ who }}，你好"}},
 "zh-Hant":{"inapp":{"title":"{{ who }}，您好"},"push":{"title":"推"}}}}`

func parse(t testing.TB, body string) *Template {
	t.Helper()
	x, err := Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTemplate(t *testing.T) {
	x := parse(t, parcel)
	again := parse(t, string(x.Body()))
	if x.Hash() != again.Hash() || string(x.Body()) != string(again.Body()) || len(x.Hash()) != 64 {
		t.Errorf("%s becomes %s", x.Body(), again.Body())
	}
	values, err := x.Bind("data", []byte(`{"who":"A&B","items":["x",2]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ user, channel, locale, want string }{
		{"en-GB", "", "en", `{"inapp":{"title":"Hi A&B","body":"x 2 is on its way","url":"/orders?q=A%26B","data":{"items":["x",2],"n":1.50,"note":"for A&B"}},"email":{"subject":"For A&B","html":"<p>A&amp;B</p>"},"push":{"title":"A&B"}}`},
		{"zh-Hant-HK", "inapp", "zh-Hant", `{"inapp":{"title":"A&B，您好"}}`},
		{"ZH-hant", "push", "zh-Hant", `{"push":{"title":"推"}}`},
		{"zh-CN", "inapp", "zh", `{"inapp":{"title":"A&B，你好"}}`},
		{"zh-CN", "push", "en", `{"push":{"title":"A&B"}}`},
		{"", "push", "en", `{"push":{"title":"A&B"}}`},
		{"fr", "email", "en", `{"email":{"subject":"For A&B","html":"<p>A&amp;B</p>"}}`},
	} {
		locale := x.For(c.user, c.channel)
		out, err := x.Render(locale, c.channel, values)
		if c.channel == "" {
			locale = "en"
			out, err = x.Render(locale, "", values)
		}
		if err != nil {
			t.Errorf("%s: %v", c.user, err)
			continue
		}
		if got, _ := encodeJSON(out); locale != c.locale || string(got) != c.want {
			t.Errorf("%s by %s: got %s %s, want %s %s", c.user, c.channel, locale, got, c.locale, c.want)
		}
	}
	if _, err := x.Render("zh", "email", values); actors.AsError(err).Code != actors.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestBind: what a send brings is of the types that the template says.
func TestBind(t *testing.T) {
	x := parse(t, `{"locale":"en","variables":{"s":{"type":"string","required":true},"n":{"type":"number","default":2},"b":{"type":"bool"},"t":{"type":"time"},"l":{"type":"list"},"o":{"type":"object"}},"content":{"en":{"inapp":{"title":"x"}}}}`)
	for data, field := range map[string]string{
		``: "d.s", `{}`: "d.s", `{"s":null}`: "d.s", `[]`: "d", `null`: "d", `{"s":1}`: "d.s", `{"s":"x","n":"1"}`: "d.n", `{"s":"x","b":0}`: "d.b", `{"s":"x","t":"today"}`: "d.t", `{"s":"x","t":1}`: "d.t",
		`{"s":"x","l":{}}`: "d.l", `{"s":"x","o":[]}`: "d.o", `{"s":"x","z":1}`: "d.z", `{"s":"x","n":1e999}`: "d.n",
		`{"s":"x","l":[` + strings.Repeat("1,", maxItems) + `1]}`: "d.l", `{"s":"` + strings.Repeat("x", MaxData) + `"}`: "d",
	} {
		if _, err := x.Bind("d", []byte(data)); err == nil || actors.AsError(err).Field != field {
			t.Errorf("%.60s: got %v, want %s", data, err, field)
		}
	}
	v, err := x.Bind("d", []byte(`{"s":"x","n":3.0,"b":false,"t":"2026-01-31t09:30:00.5+02:00","l":[1,"a"],"o":{"k":1.5}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(v); got != "map[b:false l:[1 a] n:3 o:map[k:1.5] s:x t:2026-01-31 09:30:00.5 +0200 +0200]" {
		t.Errorf("got %s", got)
	}
	if v, err = x.Bind("d", []byte(`{"s":"x"}`)); err != nil || fmt.Sprint(v["n"], v["b"]) != "2 <nil>" {
		t.Errorf("got %v, %v", v, err)
	}
}

// TestTemplateFaults names the field, and the place in its text.
func TestTemplateFaults(t *testing.T) {
	many := map[string]Variable{}
	for i := range maxVariables + 1 {
		many[fmt.Sprint("v", i)] = Variable{Type: typeString}
	}
	vars, _ := json.Marshal(many)
	for body, want := range map[string]string{
		`{"content":{"en":{"inapp":{"title":"x"}}}}`: "locale",
		`{"locale":"en"}`: "content",
		`{"locale":"de","content":{"en":{"inapp":{"title":"x"}}}}`:                                                                 "locale",
		`{"locale":"e!","content":{"e!":{"inapp":{"title":"x"}}}}`:                                                                 "content.e!",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x"}},"EN":{"inapp":{"title":"x"}}}}`:                                    "content.en",
		`{"locale":"en","content":{"en":{}}}`:                                                                                      "content.en",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x"}},"zh":{"push":{"title":"x"}}}}`:                                     "content.zh.push",
		`{"locale":"en","category":"a b","content":{"en":{"inapp":{"title":"x"}}}}`:                                                "category",
		`{"locale":"en","variables":{"1a":{"type":"string"}},"content":{"en":{"inapp":{"title":"x"}}}}`:                            "variables.1a",
		`{"locale":"en","variables":{"in":{"type":"string"}},"content":{"en":{"inapp":{"title":"x"}}}}`:                            "variables.in",
		`{"locale":"en","variables":{"a":{"type":"text"}},"content":{"en":{"inapp":{"title":"x"}}}}`:                               "variables.a.type",
		`{"locale":"en","variables":{"a":{"type":"number","default":"1"}},"content":{"en":{"inapp":{"title":"x"}}}}`:               "variables.a.default",
		`{"locale":"en","variables":{"a":{"type":"number","required":true,"default":1}},"content":{"en":{"inapp":{"title":"x"}}}}`: "variables.a.default",
		`{"locale":"en","variables":` + string(vars) + `,"content":{"en":{"inapp":{"title":"x"}}}}`:                                "variables",
		`{"locale":"en","content":{"en":{"inapp":{"url":"/x"}}}}`:                                                                  "content.en.inapp",
		`{"locale":"en","content":{"en":{"inapp":{"title":"{{ x }}"}}}}`:                                                           "content.en.inapp.title",
		`{"locale":"en","content":{"en":{"inapp":{"data":{"a":["{{ x }}"]}}}}}`:                                                    "content.en.inapp.data.a.0",
		`{"locale":"en","content":{"en":{"inapp":{"title":"` + strings.Repeat("x", MaxTitle+1) + `"}}}}`:                           "content.en.inapp.title",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x","actions":[{"id":"a","label":"{{ x }}"}]}}}}`:                        "content.en.inapp.actions.a.label",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x","actions":[{"id":"","label":"x"}]}}}}`:                               "content.en.inapp.actions",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x","actions":[{"id":"a","label":"x"},{"id":"a","label":"x"}]}}}}`:       "content.en.inapp.actions.a",
		`{"locale":"en","content":{"en":{"inapp":{"title":"x","actions":[{"id":"a","label":"x","url":"/","reply":true}]}}}}`:       "content.en.inapp.actions.a",
		`{"locale":"en","content":{"en":{"email":{"html":"x"}}}}`:                                                                  "content.en.email.subject",
		`{"locale":"en","content":{"en":{"email":{"subject":"x"}}}}`:                                                               "content.en.email",
		`{"locale":"en","content":{"en":{"sms":{}}}}`:                                                                              "content.en.sms",
		`{"locale":"en","content":{"en":{"sms":{"text":"x","template":"T"}}}}`:                                                     "content.en.sms",
		`{"locale":"en","content":{"en":{"sms":{"text":"x","parameters":{"a":"b"}}}}}`:                                             "content.en.sms.parameters",
		`{"locale":"en","content":{"en":{"sms":{"template":"T","parameters":{"a":"{{ b }}"}}}}}`:                                   "content.en.sms.parameters.a",
		`{"locale":"en","content":{"en":{"wechat":{"fields":{"a":"b"}}}}}`:                                                         "content.en.wechat.template",
		`{"locale":"en","content":{"en":{"robot":{"markdown":""}}}}`:                                                               "content.en.robot.markdown",
		`{"locale":"en","content":{"en":{"push":{}}}}`:                                                                             "content.en.push",
	} {
		_, err := Parse([]byte(body))
		if e := actors.AsError(err); err == nil || e.Field != want {
			t.Errorf("%.120s: got %v, want %s", body, err, want)
		}
	}
	_, err := Parse([]byte(`{"locale":"en","content":{"en":{"email":{"subject":"x","html":"<p>\n  {{ wo }}</p>"}}}}`))
	if e := actors.AsError(err); e.Field != "content.en.email.html" || e.Place != (actors.Place{Line: 2, Column: 3}) {
		t.Errorf("got %+v", e)
	}
	x := parse(t, `{"locale":"en","variables":{"u":{"type":"string"}},"content":{"en":{"inapp":{"title":"x","url":"{{ u }}"}}}}`)
	v, _ := x.Bind("", []byte(`{"u":"javascript:alert(1)"}`))
	if _, err := x.Render("en", "", v); err == nil || actors.AsError(err).Field != "content.en.inapp.url" {
		t.Errorf("got %v", err)
	}
}

// TestTemplateIsBounded: the whole has a bound, besides each text.
func TestTemplateIsBounded(t *testing.T) {
	s := &Source{Locale: "en", Content: map[string]*Channels{}}
	for _, locale := range []string{"en", "de", "fr"} {
		s.Content[locale] = &Channels{Email: &Email{Subject: "x", HTML: strings.Repeat("x", MaxSource/3)}}
	}
	if _, err := Check(s); actors.AsError(err).Code != actors.TooLarge || actors.AsError(err).Field != "body" {
		t.Errorf("got %v", err)
	}
	delete(s.Content, "de")
	if _, err := Check(s); err != nil {
		t.Error(err)
	}
}

func TestDiff(t *testing.T) {
	a := parse(t, parcel)
	b := parse(t, strings.NewReplacer(`"type":"number"`, `"type":"string"`, `is on its way`, `came`, `,"push":{"title":"推"}`, ``, `<p>{{ who }}</p>`, `<p>\n{{ who }}\n</p>`).Replace(parcel))
	d, err := Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := encodeJSON(d)
	want := `[{"field":"content.en.email.html","from":"<p>{{ who }}</p>","to":"<p>\n{{ who }}\n</p>","lines":[{"sign":"-","line":1,"text":"<p>{{ who }}</p>"},{"sign":"+","line":1,"text":"<p>"},{"sign":"+","line":2,"text":"{{ who }}"},{"sign":"+","line":3,"text":"</p>"}]},` +
		`{"field":"content.en.inapp.body","from":"{% for i in items %}{{ i }} {% endfor %}is on its way","to":"{% for i in items %}{{ i }} {% endfor %}came"},{"field":"content.zh-Hant.push.title","from":"推"},{"field":"variables.total.type","from":"number","to":"string"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d, err = Diff(a, a); err != nil || len(d) != 0 {
		t.Errorf("got %v, %v", d, err)
	}
}
