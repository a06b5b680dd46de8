package api

import (
	"net/http"
	"strings"
	"testing"

	"reddot/actors"
)

// TestCategories keeps what is said of a category, in versions, and says what is wrong
// with one.
func TestCategories(t *testing.T) {
	s := serve(t, nil)
	put := func(id, body string) answer { return s.do("PUT", "/v1/categories/"+id, s.admin, body) }
	const body = `{"names":{"zh":"订单","en":"Orders"},"channels":{"sms":false},"locked":true}`
	if a := put("shop:order", body); a.StatusCode != 201 || a.Header.Get("ETag") != `"1"` ||
		!strings.Contains(string(a.body), `"names":{"en":"Orders","zh":"订单"},"channels":{"sms":false},"locked":true,"marketing":false}`) {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a := put("shop:order", body); a.StatusCode != 200 || a.json(t)["version"] != 1.0 || a.json(t)["id"] != "shop:order" {
		t.Errorf("the same again: got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("GET", "/v1/categories", s.reader, ""); len(a.json(t)["categories"].([]any)) != 1 {
		t.Errorf("got %s", a.body)
	}
	for body, field := range map[string]string{
		`{"name":{}}`: "name", `{"names":{"en":1}}`: "names.en", `{"names":{"en":""}}`: "names.en", `{"names":{"!":"x"}}`: "names.!", `{"names":[]}`: "names",
		`{"channels":{"pigeon":true}}`: "channels.pigeon", `{"channels":{"sms":1}}`: "channels.sms", `{"locked":1}`: "locked", `{"locked":true,"marketing":true}`: "locked",
		`{"locked":true,"locked":true}`: "locked", `[]`: "body",
	} {
		wantProblem(t, put("bad", body), 400, actors.Invalid, field)
	}
	for _, id := range []string{"a%2Fb", "..", "%20", strings.Repeat("x", 65)} {
		wantProblem(t, put(id, "{}"), 400, actors.Invalid, "id")
	}
	wantProblem(t, s.do("PUT", "/v1/categories/x", s.reader, "{}"), 403, actors.Forbidden, "")
	if a := s.do("DELETE", "/v1/categories/shop:order", s.admin, ""); a.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("GET", "/v1/categories/shop:order", s.admin, ""), 404, actors.NotFound, "")
	audited := string(s.do("GET", "/v1/audit?action=category.put", s.admin, "").body)
	if strings.Count(audited, `"category:shop:order"`) != 1 || strings.Contains(audited, "bad") {
		t.Errorf("got %s", audited)
	}
}
