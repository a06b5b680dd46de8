package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"reddot/actors"
	"reddot/transports"
)

// noon is the present of these tests.
var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newDraft() *draft {
	l := &MessageLimits{}
	l.fill()
	return &draft{lim: l}
}

func TestMessageContent(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"body":          {`{"body":"hi"}`, `"body":"hi"`},
		"actions":       {`{"actions":[{"label":"\u0041","reply":true,"id":"say"},{"id":"open","label":"Open","url":"/x"}, {"id":"n","label":"N","reply":false}],"title":"t"}`, `"title":"t","actions":[{"id":"say","label":"A","reply":true},{"id":"open","label":"Open","url":"/x"},{"id":"n","label":"N"}]`},
		"order":         {`{"url":"/x","data":1,"body":"b","title":"t"}`, `"title":"t","body":"b","data":1,"url":"/x"`},
		"compact":       {" { \"data\" : { \"a\" : [ 1 , 2 ] , \"b\" : \" x \" } } \n", `"data":{"a":[1,2],"b":" x "}`},
		"numbers":       {`{"data":[1.0,1e400,-0,12345678901234567890]}`, `"data":[1.0,1e400,-0,12345678901234567890]`},
		"escapes":       {`{"body":"\u00e9\/\ud83d\ude00\n\u0001\"\\"}`, `"body":"é/😀\n\u0001\"\\"`},
		"data faithful": {`{"data":"\u00e9\/"}`, `"data":"\u00e9\/"`},
		"escaped name":  {`{"b\u006fdy":"hi"}`, `"body":"hi"`},
		"null data":     {`{"title":"","data":null}`, `"title":""`},
		"empty":         {`{"body":""}`, `"body":""`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDraft()
			if err := d.parse([]byte(tt.in), fieldsMessage, noon.UnixMilli()); err != nil {
				t.Fatal(err)
			}
			if err := d.complete(); err != nil {
				t.Fatal(err)
			}
			if got := string(d.publication(actors.NewID()).message.Content); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMessageFields(t *testing.T) {
	d := newDraft()
	err := d.parse([]byte(`{"body":"b","category":"order.paid","tenant":"acme:eu","priority":"critical","collapse_key":"k\u0031",
		"send_at":"2026-01-31T13:00:00+00:30","expires_at":"2026-02-01T00:00:00.5Z"}`), fieldsMessage, noon.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	m := &d.publication(actors.NewID()).message
	switch {
	case m.Category != "order.paid" || m.Tenant != "acme:eu" || m.Priority != actors.Priority_CRITICAL || m.CollapseKey != "k1":
		t.Errorf("got category %q, priority %v, collapse key %q", m.Category, m.Priority, m.CollapseKey)
	case m.SendAt != noon.Add(30*time.Minute).UnixMilli():
		t.Errorf("got send_at %d", m.SendAt)
	case m.ExpiresAt != noon.Add(12*time.Hour+500*time.Millisecond).UnixMilli():
		t.Errorf("got expires_at %d", m.ExpiresAt)
	case m.CreatedAt != noon.UnixMilli() || len(m.Id) != 16:
		t.Errorf("got created_at %d, id %x", m.CreatedAt, m.Id)
	}
}

func TestMessageRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		in    string
		code  actors.Code
		field string
	}{
		"empty":             {``, actors.Invalid, ""},
		"array":             {`[]`, actors.Invalid, ""},
		"cut":               {`{"body":"x"`, actors.Invalid, ""},
		"tail":              {`{"body":"x"}x`, actors.Invalid, ""},
		"trailing comma":    {`{"body":"x",}`, actors.Invalid, ""},
		"bare control":      {"{\"body\":\"a\x01\"}", actors.Invalid, ""},
		"utf-8":             {"{\"body\":\"\xff\"}", actors.Invalid, ""},
		"utf-8 in data":     {"{\"data\":{\"\xc0\xaf\":1}}", actors.Invalid, ""},
		"lone surrogate":    {`{"body":"\ud800"}`, actors.Invalid, ""},
		"low surrogate":     {`{"data":"\udc00\ud800"}`, actors.Invalid, ""},
		"bad escape":        {`{"body":"\x41"}`, actors.Invalid, ""},
		"leading zero":      {`{"data":01}`, actors.Invalid, ""},
		"plus":              {`{"data":+1}`, actors.Invalid, ""},
		"NaN":               {`{"data":NaN}`, actors.Invalid, ""},
		"deep":              {`{"data":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, actors.Invalid, ""},
		"nothing":           {`{}`, actors.Invalid, "body"},
		"only actions":      {`{"actions":[{"id":"a","label":"A"}]}`, actors.Invalid, "body"},
		"actions not array": {`{"body":"x","actions":{}}`, actors.Invalid, "actions"},
		"actions empty":     {`{"body":"x","actions":[]}`, actors.Invalid, "actions"},
		"actions many":      {`{"body":"x","actions":[` + strings.Join(manyActions(9), ",") + `]}`, actors.Invalid, "actions"},
		"action no object":  {`{"body":"x","actions":["a"]}`, actors.Invalid, "actions"},
		"action no id":      {`{"body":"x","actions":[{"label":"A"}]}`, actors.Invalid, "actions.id"},
		"action same id":    {`{"body":"x","actions":[{"id":"a","label":"A"},{"id":"a","label":"B"}]}`, actors.Invalid, "actions.id"},
		"action odd id":     {`{"body":"x","actions":[{"id":"a b","label":"A"}]}`, actors.Invalid, "actions.id"},
		"action long id":    {`{"body":"x","actions":[{"id":"` + strings.Repeat("a", 65) + `","label":"A"}]}`, actors.TooLarge, "actions.id"},
		"action no label":   {`{"body":"x","actions":[{"id":"a"}]}`, actors.Invalid, "actions.label"},
		"action long label": {`{"body":"x","actions":[{"id":"a","label":"` + strings.Repeat("a", 129) + `"}]}`, actors.TooLarge, "actions.label"},
		"action script":     {`{"body":"x","actions":[{"id":"a","label":"A","url":"javascript:alert(1)"}]}`, actors.Invalid, "actions.url"},
		"action url, reply": {`{"body":"x","actions":[{"id":"a","label":"A","url":"/x","reply":true}]}`, actors.Invalid, "actions.reply"},
		"action odd reply":  {`{"body":"x","actions":[{"id":"a","label":"A","reply":"yes"}]}`, actors.Invalid, "actions.reply"},
		"action twice":      {`{"body":"x","actions":[{"id":"a","id":"b","label":"A"}]}`, actors.Invalid, "actions.id"},
		"action odd field":  {`{"body":"x","actions":[{"id":"a","label":"A","x":1}]}`, actors.Invalid, "actions.x"},
		"only url":          {`{"url":"/x"}`, actors.Invalid, "body"},
		"only null":         {`{"data":null}`, actors.Invalid, "body"},
		"unknown":           {`{"body":"x","bdoy":"y"}`, actors.Invalid, "bdoy"},
		"unknown long":      {`{"` + strings.Repeat("é", 40) + `":1}`, actors.Invalid, strings.Repeat("é", 32)},
		"twice":             {`{"body":"x","b\u006fdy":"y"}`, actors.Invalid, "body"},
		"title type":        {`{"title":1}`, actors.Invalid, "title"},
		"body null":         {`{"body":null}`, actors.Invalid, "body"},
		"category type":     {`{"body":"x","category":["a"]}`, actors.Invalid, "category"},
		"title long":        {`{"title":"` + strings.Repeat("x", 1025) + `"}`, actors.TooLarge, "title"},
		"body long":         {`{"body":"` + strings.Repeat("x", 65537) + `"}`, actors.TooLarge, "body"},
		"data long":         {`{"data":"` + strings.Repeat("x", 65535) + `"}`, actors.TooLarge, "data"},
		"tenant type":       {`{"body":"x","tenant":7}`, actors.Invalid, "tenant"},
		"tenant empty":      {`{"body":"x","tenant":""}`, actors.Invalid, "tenant"},
		"tenant charset":    {`{"body":"x","tenant":"a/b"}`, actors.Invalid, "tenant"},
		"tenant long":       {`{"body":"x","tenant":"` + strings.Repeat("x", transports.MaxTenant+1) + `"}`, actors.TooLarge, "tenant"},
		"category empty":    {`{"body":"x","category":""}`, actors.Invalid, "category"},
		"category charset":  {`{"body":"x","category":"a b"}`, actors.Invalid, "category"},
		"category long":     {`{"body":"x","category":"` + strings.Repeat("x", 65) + `"}`, actors.TooLarge, "category"},
		"priority":          {`{"body":"x","priority":"urgent"}`, actors.Invalid, "priority"},
		"priority empty":    {`{"body":"x","priority":""}`, actors.Invalid, "priority"},
		"collapse empty":    {`{"body":"x","collapse_key":""}`, actors.Invalid, "collapse_key"},
		"collapse long":     {`{"body":"x","collapse_key":"` + strings.Repeat("x", 129) + `"}`, actors.TooLarge, "collapse_key"},
		"url script":        {`{"body":"x","url":"javascript:alert(1)"}`, actors.Invalid, "url"},
		"url data":          {`{"body":"x","url":"data:text/html,x"}`, actors.Invalid, "url"},
		"url other site":    {`{"body":"x","url":"//evil.example"}`, actors.Invalid, "url"},
		"url backslash":     {`{"body":"x","url":"/\\evil.example"}`, actors.Invalid, "url"},
		"url tab":           {`{"body":"x","url":"java\tscript:x"}`, actors.Invalid, "url"},
		"url without host":  {`{"body":"x","url":"https:///x"}`, actors.Invalid, "url"},
		"url with password": {`{"body":"x","url":"https://a:b@example.com"}`, actors.Invalid, "url"},
		"url empty":         {`{"body":"x","url":""}`, actors.Invalid, "url"},
		"url long":          {`{"body":"x","url":"/` + strings.Repeat("x", 2048) + `"}`, actors.TooLarge, "url"},
		"time":              {`{"body":"x","send_at":"tomorrow"}`, actors.Invalid, "send_at"},
		"time without zone": {`{"body":"x","send_at":"2027-01-01T00:00:00"}`, actors.Invalid, "send_at"},
		"time number":       {`{"body":"x","send_at":1}`, actors.Invalid, "send_at"},
		"past":              {`{"body":"x","send_at":"2026-01-30T12:00:00Z"}`, actors.Invalid, "send_at"},
		"expired":           {`{"body":"x","expires_at":"2026-01-30T11:00:00Z"}`, actors.Invalid, "expires_at"},
		"expires first":     {`{"body":"x","send_at":"2026-02-02T00:00:00Z","expires_at":"2026-02-01T00:00:00Z"}`, actors.Invalid, "expires_at"},
		"to":                {`{"body":"x","to":{"user":"a"}}`, actors.Invalid, "to"},
		"once":              {`{"body":"x","idempotency_key":"k"}`, actors.Invalid, "idempotency_key"},
		"template":          {`{"template":{}}`, actors.Invalid, "template.id"},
		"template and body": {`{"body":"x","template":{"id":"x"}}`, actors.Invalid, "template"},
		"channels":          {`{"body":"x","channels":{}}`, actors.Invalid, "channels"},
		"policy":            {`{"body":"x","policy":{}}`, actors.Invalid, "policy"},
		"policy text":       {`{"body":"x","policy":"promo"}`, actors.Invalid, "policy"},
		"policy name":       {`{"body":"x","policy":{"name":"a/b"}}`, actors.Invalid, "policy.name"},
		"policy twice":      {`{"body":"x","policy":{"name":"a","name":"b"}}`, actors.Invalid, "policy.name"},
		"policy version":    {`{"body":"x","policy":{"name":"a","version":0}}`, actors.Invalid, "policy.version"},
		"policy member":     {`{"body":"x","policy":{"name":"a","caps":[]}}`, actors.Invalid, "policy.caps"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDraft()
			err := d.parse([]byte(tt.in), fieldsMessage, noon.UnixMilli())
			if err == nil {
				err = d.complete()
			}
			wantError(t, err, tt.code, tt.field)
		})
	}
}

// wantError checks an error's code and field.
func wantError(t *testing.T, err error, code actors.Code, field string) {
	t.Helper()
	var e *actors.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error", err)
	}
	if e.Code != code || e.Field != field || e.Detail == "" {
		t.Errorf("got %s of field %q (%s), want %s of field %q", e.Code, e.Field, e.Detail, code, field)
	}
}

// A message whose times have come meanwhile may be a repeat, as long as its key is
// kept.
func TestMessageMayBeARepeat(t *testing.T) {
	d := newDraft()
	if err := d.parse([]byte(`{"body":"x","send_at":"2026-01-30T12:01:00Z","expires_at":"2026-01-31T11:00:00Z"}`), fieldsMessage, noon.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if err := d.complete(); err != nil || d.send != 0 || d.expires == 0 {
		t.Errorf("got send %d, expires %d, %v, want at once", d.send, d.expires, err)
	}
}

func TestTarget(t *testing.T) {
	const all = fieldsMessage | fieldTo | fieldIdempotencyKey
	d := newDraft()
	if err := d.parse([]byte(`{"to":{"users":["a","b","a"]},"body":"x","idempotency_key":"k 1"}`), all, 0); err == nil {
		t.Error("took a key with a space")
	}
	if err := d.parse([]byte(`{"to":{"users":["a","b","a"]},"body":"x","idempotency_key":"k1"}`), all, 0); err != nil {
		t.Fatal(err)
	}
	if strings.Join(d.to.users, " ") != "a b" || d.once != "k1" {
		t.Errorf("got users %q, key %q", d.to.users, d.once)
	}
	for name, tt := range map[string]struct{ to, field string }{
		"nobody":   {`{}`, "to"},
		"type":     {`"alice"`, "to"},
		"user":     {`{"user":"a/b"}`, "to.user"},
		"me":       {`{"user":"me"}`, "to.user"},
		"number":   {`{"user":7}`, "to.user"},
		"two":      {`{"user":"a","users":["b"]}`, "to"},
		"none":     {`{"users":[]}`, "to.users"},
		"bad user": {`{"users":["a",""]}`, "to.users"},
		"object":   {`{"users":{}}`, "to.users"},
		"many":     {`{"users":[` + manyUsers(1001) + `]}`, "to.users"},
		"topic":    {`{"topic":"news/#"}`, "to.topic"},
		"no topic": {`{"topic":""}`, "to.topic"},
		"$":        {`{"topic":"$SYS"}`, "to.topic"},
		"segment":  {`{"segment":"a/b"}`, "to.segment"},
		"long":     {`{"segment":"` + strings.Repeat("s", 65) + `"}`, "to.segment"},
		"list":     {`{"list":""}`, "to.list"},
		"both":     {`{"list":"a","segment":"b"}`, "to"},
		"not all":  {`{"all":false}`, "to.all"},
		"all, one": {`{"all":true,"user":"a"}`, "to"},
		"unknown":  {`{"usr":"a"}`, "to.usr"},
		"since":    {`{"all":true,"since":"ever"}`, "to.since"},
		"no since": {`{"all":true,"since":null}`, "to.since"},
		"twice":    {`{"since":"join","all":true,"since":"publish"}`, "to.since"},
		"alone":    {`{"since":"publish"}`, "to"},
		"named":    {`{"user":"a","since":"publish"}`, "to.since"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, d.parse([]byte(`{"body":"x","to":`+tt.to+`}`), all, 0), actors.Invalid, tt.field)
		})
	}
	for to, want := range map[string]bool{
		`{"all":true}`: false, `{"all":true,"since":"join"}`: false, `{"since":"publish","all":true}`: true, `{"segment":"vips","since":"publish"}`: true,
		`{"topic":"news","since":"publish"}`: true, `{"list":"beta","since":"publish"}`: true,
	} {
		if err := d.parse([]byte(`{"body":"x","to":`+to+`}`), all, 0); err != nil || d.to.audience.Newcomers != want {
			t.Errorf("%s: got %v, %v", to, d.to.audience, err)
		}
	}
	if err := d.parse([]byte(`{"body":"x","to":{"users":[`+manyUsers(1000)+`]}}`), all, 0); err != nil {
		t.Error(err)
	}
}

func manyUsers(n int) string {
	b, _ := json.Marshal(make([]int, n))
	s := strings.Split(strings.Trim(string(b), "[]"), ",")
	for i := range s {
		s[i] = `"u` + strings.Repeat("x", i%3) + string(rune('a'+i%26)) + strings.Repeat("0", i/26) + `"`
	}
	return strings.Join(s, ",")
}

func TestPatch(t *testing.T) {
	d := newDraft()
	for in, want := range map[string]string{
		`{"body":"new"}`:                             `{"body":"new"}`,
		`{"data":null,"title":"t"}`:                  `{"title":"t","data":null}`,
		`{"actions":null,"title":"t"}`:               `{"title":"t","actions":null}`,
		`{"actions":[{"id":"a","label":"A"}]}`:       `{"actions":[{"id":"a","label":"A"}]}`,
		`{"url":null}`:                               `{"url":null}`,
		`{"category":"a","priority":"low"}`:          `{"category":"a","priority":"low"}`,
		`{"expires_at":"2026-02-01T01:00:00+01:00"}`: `{"expires_at":"2026-02-01T00:00:00.000Z"}`,
		`{"priority":null,"body":"b"}`:               `{"body":"b","priority":null}`,
	} {
		if err := d.parsePatch([]byte(in), noon.UnixMilli()); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := string(d.appendPatch(nil)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	wantError(t, d.parsePatch([]byte(`{}`), 0), actors.Invalid, "body")
	wantError(t, d.parsePatch([]byte(`{"send_at":"2026-02-01T00:00:00Z"}`), 0), actors.Invalid, "send_at")
	wantError(t, d.parsePatch([]byte(`{"tenant":"acme"}`), 0), actors.Invalid, "tenant")
	wantError(t, d.parse([]byte(`{"body":null}`), fieldsMessage, 0), actors.Invalid, "body")
}

// FuzzMessage compares the parser with encoding/json: what it takes is valid
// there and means the same, and what it refuses as no JSON is none there, or
// is not what I-JSON (RFC 7493) calls interoperable.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{`{"body":"hi"}`, `{"title":"a\u00e9","data":{"x":[1,2.50,null,true,"\ud83d\ude00"]},"url":"https://example.com/a?b#c"}`,
		`{"body":"x","category":"a","priority":"low","collapse_key":"k","send_at":"2026-02-01T00:00:00Z"}`, `{"data":-1.5e-7}`, "{\"body\":\"\xff\"}", `[]`} {
		f.Add([]byte(s))
	}
	d := newDraft()
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		err := d.parse(in, fieldsMessage, noon.UnixMilli())
		if err == nil {
			err = d.complete()
		}
		if !bytes.Equal(in, before) {
			t.Fatal("the parser wrote into its source")
		}
		var std map[string]any
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		stdErr := dec.Decode(&std)
		valid := json.Valid(in) && utf8.Valid(in)
		if err != nil {
			if strings.Contains(err.Error(), "this is not the JSON") && valid && stdErr == nil && std != nil &&
				!strings.Contains(err.Error(), "escape") && !strings.Contains(err.Error(), "too deep") {
				t.Fatalf("refused %q as no JSON: %v", in, err)
			}
			return
		}
		if !valid || stdErr != nil {
			t.Fatalf("took %q, which is not valid", in)
		}
		content := d.publication(actors.ID{}).message.Content
		var got map[string]any
		object := append(append([]byte{'{'}, content...), '}')
		dec = json.NewDecoder(bytes.NewReader(object))
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%q made %q: %v", in, content, err)
		}
		for _, name := range []string{"title", "body", "data", "url", "actions"} {
			want, _ := json.Marshal(std[name])
			have, _ := json.Marshal(got[name])
			if !bytes.Equal(want, have) {
				t.Fatalf("%q made %q: %s is %s, want %s", in, content, name, have, want)
			}
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	in := []byte(`{"body":"` + strings.Repeat("x", 128) + `"}`)
	d := newDraft()
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if err := d.parse(in, fieldsMessage, 0); err != nil {
			b.Fatal(err)
		}
		if err := d.complete(); err != nil {
			b.Fatal(err)
		}
		_ = d.publication(actors.ID{})
	}
}

// manyActions returns actions as JSON.
func manyActions(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`{"id":"a%d","label":"A"}`, i))
	}
	return list
}
