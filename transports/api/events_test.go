package api

import (
	"encoding/json"
	"testing"

	"reddot/actors"
	"reddot/transports"
)

func TestEvents(t *testing.T) {
	s := serve(t, nil)
	const event = `{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid","subject":"alice","time":"2026-01-31T12:00:00Z","traceparent":"x","data":{"n": 1.0}}`
	a := s.do("POST", "/v1/events", s.publisher, event, "Content-Type", "application/cloudevents+json; charset=utf-8")
	if a.StatusCode != 201 || a.Header.Get("Location") == "" {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if m := s.router.last().(*actors.Publish).Message; string(m.Content) != `"data":{"n":1.0}` || m.Category != "order.paid" {
		t.Errorf("got %s of category %s", m.Content, m.Category)
	}
	// The same event in the binary mode.
	binary := []string{"Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/shop", "ce-type", "order.paid", "ce-subject", "%61lice"}
	again := s.do("POST", "/v1/events", s.publisher, `{"n":1.0}`, binary...)
	if again.json(t)["id"] != a.json(t)["id"] || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %s, want the id of %s", again.body, a.body)
	}
	wantProblem(t, s.do("POST", "/v1/events", s.publisher, `{"n":2}`, binary...), 422, actors.IdempotencyConflict, "")
	binary[1], binary[5] = "text/plain", "2"
	s.do("POST", "/v1/events", s.publisher, "a \"text\"", binary...)
	if m := s.router.last().(*actors.Publish).Message; string(m.Content) != `"body":"a \"text\""` {
		t.Errorf("got %s", m.Content)
	}
	binary[1], binary[5] = messageType, "3"
	s.do("POST", "/v1/events", s.publisher, `{"title":"t","category":"c"}`, binary...)
	if m := s.router.last().(*actors.Publish).Message; string(m.Content) != `"title":"t"` || m.Category != "c" {
		t.Errorf("got %s of category %s", m.Content, m.Category)
	}
	wantProblem(t, s.do("POST", "/v1/events", s.publisher, event, "Content-Type", "application/json"), 400, actors.Invalid, "Content-Type")
}

// TestEventTenant reads the extension attribute tenant in each content mode. A message's
// own tenant comes first.
func TestEventTenant(t *testing.T) {
	s := serve(t, nil)
	structured := func(tenant string) string {
		return `{"specversion":"1.0","id":"1","source":"/shop","type":"order","subject":"alice","tenant":` + tenant + `,"data":1}`
	}
	binary := []string{"Content-Type", "application/json", "ce-specversion", "1.0", "ce-id", "2", "ce-source", "/shop", "ce-type", "order", "ce-subject", "alice", "ce-tenant", "acme"}
	want := func(tenant string) {
		t.Helper()
		if m := s.router.last().(*actors.Publish).Message; m.Tenant != tenant {
			t.Errorf("got tenant %q, want %q", m.Tenant, tenant)
		}
	}
	s.do("POST", "/v1/events", s.publisher, structured(`"globex"`), "Content-Type", typeEvent)
	want("globex")
	wantProblem(t, s.do("POST", "/v1/events", s.publisher, structured(`"acme"`), "Content-Type", typeEvent), 422, actors.IdempotencyConflict, "")
	s.do("POST", "/v1/events", s.publisher, `1`, binary...)
	want("acme")
	binary[1], binary[5] = messageType, "3"
	s.do("POST", "/v1/events", s.publisher, `{"title":"t","tenant":"initech"}`, binary...)
	want("initech")
	for _, bad := range []string{`"a b"`, `7`, `{}`} {
		wantProblem(t, s.do("POST", "/v1/events", s.publisher, structured(bad), "Content-Type", typeEvent), 400, actors.Invalid, "tenant")
	}
}

func TestEventBatch(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.Events = 3 })
	const good, typ = `{"specversion":"1.0","id":"1","source":"/shop","type":"order","subject":"alice","data":1}`, "application/cloudevents-batch+json"
	a := s.do("POST", "/v1/events", s.publisher, `[`+good+`, {"specversion":"0.3"},`+good+`]`, "Content-Type", typ)
	results := a.json(t)["results"].([]any)
	var got []any
	for _, r := range results {
		got = append(got, r.(map[string]any)["status"], r.(map[string]any)["replayed"])
	}
	if b, _ := json.Marshal(got); string(b) != `[201,null,400,null,201,true]` {
		t.Errorf("got %s", a.body)
	}
	if a := s.do("POST", "/v1/events", s.publisher, `[]`, "Content-Type", typ); string(a.body) != `{"results":[]}` {
		t.Errorf("got %s", a.body)
	}
	wantProblem(t, s.do("POST", "/v1/events", s.publisher, `[1,2,3,4]`, "Content-Type", typ), 413, actors.TooLarge, "")
	wantProblem(t, s.do("POST", "/v1/events", s.publisher, `{}`, "Content-Type", typ), 400, actors.Invalid, "")
}

func TestEventRefused(t *testing.T) {
	e := &cloudEvent{draft: newDraft()}
	for in, field := range map[string]string{
		`{}`:                             "specversion",
		`{"specversion":"1.0"}`:          "id",
		`{"specversion":"1.0","id":"1"}`: "source",
		`{"specversion":"1.0","id":"1","source":"s"}`:                                                                 "type",
		`{"specversion":"1.0","id":"1","source":"s","type":"t"}`:                                                      "subject",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"a b"}`:                                      "subject",
		`{"specversion":"1.0","id":"1","source":"s","type":"a b","subject":"u"}`:                                      "type",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u"}`:                                        "data",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u","data_base64":"eA"}`:                     "data_base64",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u","time":"now"}`:                           "time",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u","data":1,"datacontenttype":"image/png"}`: "datacontenttype",
		`{"specversion":"1.0","id":1}`:                                                                                "id",
		`{"specversion":"1.0","specversion":"1"}`:                                                                     "specversion",
		`{"specversion":"1.0","ext":{"a":1}}`:                                                                         "ext",
	} {
		wantError(t, e.parse([]byte(in), noon.UnixMilli()), actors.Invalid, field)
	}
}

// FuzzCloudEvent reads any event: no panic, and what is taken makes a message
// whose content is valid JSON.
func FuzzCloudEvent(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","data":{"a":[1]}}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","datacontenttype":"text/plain","data":"x"}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u","datacontenttype":"` + messageType + `","data":{"body":"x"}}`))
	e := &cloudEvent{draft: newDraft()}
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := e.parse(in, noon.UnixMilli()); err != nil {
			return
		}
		p, once := e.publication("key:x")
		if !json.Valid(in) || !json.Valid(wrap("{", p.message.Content)) || once.IsZero() || p.message.Category == "" {
			t.Fatalf("%q made %q", in, p.message.Content)
		}
	})
}
