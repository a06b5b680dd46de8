package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"go.yaml.in/yaml/v3"

	"reddot/actors"
	"reddot/transports"
)

// TestDocumentHasAllRoutes walks the table and the document: what one has, the
// other has.
func TestDocumentHasAllRoutes(t *testing.T) {
	s := serve(t, nil)
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	documented, served := map[string]bool{}, map[string]bool{}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				documented[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, r := range s.api.routes(s.api.operations()) {
		if strings.HasSuffix(r.path, "/*") {
			continue
		}
		served[r.method+" "+r.path] = true
		if !documented[r.method+" "+r.path] {
			t.Errorf("%s %s is served, and not in openapi.yaml", r.method, r.path)
		}
	}
	for op := range documented {
		if !served[op] {
			t.Errorf("%s is in openapi.yaml, and not served", op)
		}
	}
}

// TestDocumentIsValid checks the document against the OpenAPI 3.1 schema, and
// real answers against the document.
func TestDocumentIsValid(t *testing.T) {
	s := serve(t, nil)
	doc, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Errorf("%s: %s", p.Message, p.Reason)
			for _, e := range p.SchemaValidationErrors {
				t.Logf("  %s at %s", e.Reason, e.FieldPath)
			}
		}
		t.FailNow()
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	id := s.do("POST", "/v1/users/alice/messages", s.admin, `{"body":"x"}`).json(t)["id"].(string)
	key := s.do("POST", "/v1/keys", s.admin, `{"scopes":["read"]}`).json(t)["id"].(string)
	for _, c := range documentCases(id, key, &s.operator) {
		token := s.admin
		if c.token != nil {
			token = *c.token
		}
		r, err := http.NewRequest(c.method, s.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		a := s.send(r)
		if a.StatusCode != c.status {
			t.Errorf("%s %s: got %d %.200s, want %d", c.method, c.path, a.StatusCode, a.body, c.status)
			continue
		}
		a.Body = readCloser{bytes.NewReader(a.body)}
		if ok, problems := v.ValidateHttpResponse(r, a.Response); !ok {
			for _, p := range problems {
				t.Errorf("%s %s: %d: %s: %s\n%s", c.method, c.path, a.StatusCode, p.Message, p.Reason, a.body)
				for _, e := range p.SchemaValidationErrors {
					t.Logf("  %s at %s", e.Reason, e.FieldPath)
				}
			}
		}
	}
	eachOperation(model.Model.Paths, func(path, method string, op *v3.Operation) {
		if op.OperationId == "" || op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s %s: an operation needs an id, a summary and one tag", method, path)
		}
		if hit := slices.ContainsFunc(documentCases(id, key, &s.operator), func(c documentCase) bool { return c.operation == op.OperationId }); !hit {
			t.Errorf("%s %s (%s): no answer was checked", method, path, op.OperationId)
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func eachOperation(paths *v3.Paths, f func(path, method string, op *v3.Operation)) {
	for path, item := range paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			f(path, method, op)
		}
	}
}

// A documentCase is a request whose answer is held against the document.
type documentCase struct {
	operation, method, path, body, contentType string
	status                                     int
	token                                      *string // nil: the admin's
	headers                                    []string
}

// documentCases has at least one case an operation, and one a code.
func documentCases(id, key string, operator *string) []documentCase {
	const j, u = "application/json", "/v1/users/alice"
	nobody := ""
	cases := []documentCase{
		{"publish", "POST", u + "/messages", `{"title":"t","data":{"a":[1]}}`, j, 201, nil, []string{"Idempotency-Key", "d1"}},
		{"publish", "POST", u + "/messages", `{"title":"t","data":{"a":[1]}}`, j, 201, nil, []string{"Idempotency-Key", "d1"}},
		{"publish", "POST", u + "/messages", `{"title":"u"}`, j, 422, nil, []string{"Idempotency-Key", "d1"}},
		{"publish", "POST", u + "/messages", `{"titel":"t"}`, j, 400, nil, nil},
		{"publish", "POST", u + "/messages", `{"title":"t"}`, j, 401, &nobody, nil},
		{"publish", "POST", u + "/messages", `{"title":"` + strings.Repeat("x", 2000) + `"}`, j, 413, nil, nil},
		{"publish", "POST", u + "/messages", `{}`, j, 415, nil, []string{"Content-Encoding", "gzip"}},
		{"send", "POST", "/v1/messages", `{"to":{"users":["a","b"]},"body":"x"}`, j, 202, nil, nil},
		{"send", "POST", "/v1/messages", `{"to":{"topic":"a"},"body":"x"}`, j, 202, nil, nil},
		{"send", "POST", "/v1/messages", `{"to":{"all":true},"body":"x"}`, j, 202, nil, nil},
		{"send", "POST", "/v1/messages", `{"to":{"list":"friends"},"body":"x"}`, j, 202, nil, nil},
		{"send", "POST", "/v1/messages", `{"to":{"segment":"none"},"body":"x"}`, j, 404, nil, nil},
		{"send", "POST", "/v1/messages", `{"to":{"segment":""},"body":"x"}`, j, 400, nil, nil},
		{"publishBatch", "POST", "/v1/messages/batch", `{"to":{"user":"a"},"body":"x"}`, "application/x-ndjson", 200, nil, nil},
		{"findMessage", "GET", "/v1/messages/" + id, "", "", 200, nil, nil},
		{"findMessage", "GET", "/v1/messages/" + actors.NewID().String(), "", "", 404, nil, nil},
		{"editMessage", "PATCH", "/v1/messages/" + id, `{"body":"y"}`, j, 200, nil, nil},
		{"publishEvents", "POST", "/v1/events", `{"specversion":"1.0","id":"1","source":"/s","type":"order","subject":"alice","data":1}`, typeEvent, 201, nil, nil},
		{"publishEvents", "POST", "/v1/events", `[{"specversion":"1.0","id":"2","source":"/s","type":"order","subject":"alice","data":1},{}]`, typeEvents, 200, nil, nil},
		{"publishEvents", "POST", "/v1/events", `{}`, typeEvent, 400, nil, nil},
		{"listMessages", "GET", u + "/messages?limit=3", "", "", 200, nil, nil},
		{"listMessages", "GET", u + "/messages?limit=x", "", "", 400, nil, nil},
		{"listConnections", "GET", u + "/connections", "", "", 200, nil, nil},
		{"findPresence", "GET", u + "/presence", "", "", 200, nil, nil},
		{"findPresence", "GET", u + "/presence", "", "", 401, &nobody, nil},
		{"listPresence", "POST", "/v1/presence", `{"users":["alice","bob"]}`, j, 200, nil, nil},
		{"listPresence", "POST", "/v1/presence", `{"users":[]}`, j, 400, nil, nil},
		{"readJournal", "GET", u + "/journal", "", "", 200, nil, nil},
		{"explain", "GET", u + "/explain?message=" + id, "", "", 200, nil, nil},
		{"explain", "GET", u + "/explain?message=" + actors.NewID().String(), "", "", 404, nil, nil},
		{"explain", "GET", u + "/explain", "", "", 400, nil, nil},
		{"explain", "GET", u + "/explain?campaign=spring&round=1", "", "", 200, nil, nil},
		{"trace", "GET", "/v1/trace?user=alice&seconds=1", "", "", 200, nil, nil},
		{"trace", "GET", "/v1/trace?user=alice&topic=news", "", "", 400, nil, nil},
		{"listRecipients", "GET", "/v1/messages/" + id + "/recipients?state=filtered", "", "", 200, nil, nil},
		{"listRecipients", "GET", "/v1/messages/" + id + "/recipients?state=lost", "", "", 400, nil, nil},
		{"listRecipients", "GET", "/v1/messages/" + actors.NewID().String() + "/recipients", "", "", 404, nil, nil},
		{"listCampaignRecipients", "GET", "/v1/campaigns/spring/recipients?round=1&arm=all&limit=1", "", "", 200, nil, nil},
		{"listCampaignRecipients", "GET", "/v1/campaigns/spring/recipients?state=held_out", "", "", 200, nil, nil},
		{"stateAt", "GET", u + "/state?rev=1", "", "", 200, nil, nil},
		{"export", "GET", u + "/export", "", "", 200, nil, nil},
		{"readProfile", "GET", "/v1/users/nobody", "", "", 200, nil, nil},
		{"putProfile", "PUT", u, wholeProfile, j, 200, nil, []string{"Idempotency-Key", "p1"}},
		{"putProfile", "PUT", u, wholeProfile, j, 200, nil, []string{"Idempotency-Key", "p1"}},
		{"putProfile", "PUT", u, `{"tag":[]}`, j, 400, nil, nil},
		{"putProfile", "PUT", u, `{"locale":"` + strings.Repeat("x", 36) + `"}`, j, 413, nil, nil},
		{"patchProfile", "PATCH", u, `{"tags":null,"attributes":{"city":null,"since":"2026-01-01T00:00:00Z"},"addresses":{"sms":null}}`, j, 200, nil, nil},
		{"readProfile", "GET", u, "", "", 200, nil, nil},
		{"readProfile", "GET", u, "", "", 401, &nobody, nil},
		{"readPreferences", "GET", u + "/preferences", "", "", 200, nil, nil},
		{"putPreferences", "PUT", u + "/preferences", wholePreferences, j, 200, nil, nil},
		{"putPreferences", "PUT", u + "/preferences", `{"quiet_hours":{"from":"25:00"}}`, j, 400, nil, nil},
		{"readPreferences", "GET", u + "/preferences", "", "", 200, nil, nil},
		{"follow", "PUT", u + "/follows/news%2Fa", "", "", 200, nil, nil},
		{"follow", "PUT", u + "/follows/$x", "", "", 400, nil, nil},
		{"listFollows", "GET", u + "/follows?limit=3", "", "", 200, nil, nil},
		{"unfollow", "DELETE", u + "/follows/news%2Fa", "", "", 200, nil, nil},
		{"eraseUser", "DELETE", "/v1/users/erased", "", "", 204, nil, nil},
		{"eraseUser", "DELETE", "/v1/users/erased", "", "", 401, &nobody, nil},
		{"disconnect", "POST", u + "/disconnect", "", "", 204, nil, nil},
		{"reconnect", "DELETE", u + "/disconnect", "", "", 204, nil, nil},
		{"snooze", "POST", u + "/messages/" + id + "/snooze", `{"until":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`, j, 200, nil, nil},
		{"act", "POST", u + "/messages/" + id + "/act", `{"action":"say","reply":"x"}`, j, 200, nil, nil},
		{"act", "POST", u + "/messages/" + id + "/act", `{"reply":"x"}`, j, 400, nil, nil},
		{"act", "POST", u + "/messages/" + id + "/act", `{"action":"say"}`, j, 409, nil, nil},
		{"retractMessage", "DELETE", "/v1/messages/" + id, "", "", 200, nil, nil},
		{"publishTopic", "POST", "/v1/topics/a?retain=true", "x", "text/plain", 200, nil, nil},
		{"publishTopic", "POST", "/v1/topics/a%2Fb?retain=maybe", "x", "text/plain", 400, nil, nil},
		{"publishTopic", "POST", "/v1/topics/a", "x", "text/plain", 401, &nobody, nil},
		{"publishTopic", "POST", "/v1/topics/$x", "x", "text/plain", 403, nil, nil},
		{"publishTopic", "POST", "/v1/topics/a?retain=1", strings.Repeat("x", 101), "text/plain", 413, nil, nil},
		{"mqtt", "GET", "/mqtt?after=bad", "", "", 400, &nobody, nil},
		{"listKeys", "GET", "/v1/keys?limit=1", "", "", 200, nil, nil},
		{"createKey", "POST", "/v1/keys", `{"name":"x","scopes":["publish"]}`, j, 201, nil, nil},
		{"createKey", "POST", "/v1/keys", `{}`, j, 400, nil, nil},
		{"revokeKey", "DELETE", "/v1/keys/" + key, "", "", 200, nil, nil},
		{"revokeKey", "DELETE", "/v1/keys/nope", "", "", 404, nil, nil},
		{"createKey", "POST", "/v1/keys", `{"scopes":["publish"],"addresses":["192.0.2.0/24"],"expires_at":"2999-01-01T00:00:00Z"}`, j, 201, nil, nil},
		{"createKey", "POST", "/v1/keys", `{"scopes":["operator"]}`, j, 403, nil, nil},
		{"createKey", "POST", "/v1/keys", `{"scopes":["operator"]}`, j, 201, operator, nil},
		{"listKeys", "GET", "/v1/keys?app=default", "", "", 200, operator, nil},
		{"revokeKey", "DELETE", "/v1/keys/" + key + "?remove=true", "", "", 200, nil, nil},
		{"revokeKey", "DELETE", "/v1/keys/" + key + "?remove=maybe", "", "", 400, nil, nil},
		{"listKeywordLists", "GET", "/v1/keywords", "", "", 200, nil, nil},
		{"listKeywords", "GET", "/v1/keywords/ads", "", "", 404, nil, nil},
		{"addKeywords", "POST", "/v1/keywords/ads", `[{"word":"cheap","action":"mask"},{"word":"Spam","action":"block"}]`, j, 200, nil, []string{"Idempotency-Key", "w1"}},
		{"addKeywords", "POST", "/v1/keywords/ads", `[{"word":"cheap","action":"mask"},{"word":"Spam","action":"block"}]`, j, 200, nil, []string{"Idempotency-Key", "w1"}},
		{"addKeywords", "POST", "/v1/keywords/ads", `{"word":"cheap","action":"mask"}`, j, 422, nil, []string{"Idempotency-Key", "w1"}},
		{"addKeywords", "POST", "/v1/keywords/ads", `{"word":"cheap","action":"drop"}`, j, 400, nil, nil},
		{"addKeywords", "POST", "/v1/keywords/ads", `{"word":"cheaper","action":"allow"}`, j, 200, nil, nil},
		{"addKeywords", "POST", "/v1/keywords/ads", `{"word":"x","action":"mask"}`, j, 403, operator, nil},
		{"listKeywordLists", "GET", "/v1/keywords?limit=1", "", "", 200, nil, nil},
		{"listKeywords", "GET", "/v1/keywords/ads?limit=1", "", "", 200, nil, nil},
		{"exportKeywords", "GET", "/v1/keywords/ads/export", "", "", 200, nil, nil},
		{"exportKeywords", "GET", "/v1/keywords/none/export", "", "", 404, nil, nil},
		{"testKeywords", "POST", "/v1/keywords/ads/test", `{"text":"cheap s.p.a.m"}`, j, 200, nil, nil},
		{"testKeywords", "POST", "/v1/keywords/none/test", `{"text":"x"}`, j, 404, nil, nil},
		{"testKeywords", "POST", "/v1/keywords/ads/test?all=x", `{"text":"x"}`, j, 400, nil, nil},
		{"removeKeywords", "POST", "/v1/keywords/ads/remove", `{"word":"spam"}`, j, 200, nil, nil},
		{"deleteKeywords", "DELETE", "/v1/keywords/ads", "", "", 204, nil, []string{"Idempotency-Key", "w2"}},
		{"deleteKeywords", "DELETE", "/v1/keywords/ads", "", "", 204, nil, []string{"Idempotency-Key", "w2"}},
		{"deleteKeywords", "DELETE", "/v1/keywords/ads", "", "", 404, nil, nil},
		{"listSegments", "GET", "/v1/segments", "", "", 200, nil, nil},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, j, 201, nil, []string{"If-None-Match", "*"}},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, j, 412, nil, []string{"If-None-Match", "*"}},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"'vip' in tags && locale == 'de'"}`, j, 200, nil, []string{"If-Match", `"1"`, "Idempotency-Key", "s1"}},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"'vip' in tags && locale == 'de'"}`, j, 200, nil, []string{"If-Match", `"1"`, "Idempotency-Key", "s1"}},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"true"}`, j, 422, nil, []string{"Idempotency-Key", "s1"}},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"city == 'x'"}`, j, 400, nil, nil},
		{"putSegment", "PUT", "/v1/segments/vips", `{"where":"` + strings.Repeat(" ", 2049) + `"}`, j, 413, nil, nil},
		{"listSegments", "GET", "/v1/segments?limit=1", "", "", 200, nil, nil},
		{"listSegments", "GET", "/v1/segments?next=a%2Fb", "", "", 400, nil, nil},
		{"readSegment", "GET", "/v1/segments/vips", "", "", 200, nil, nil},
		{"readSegment", "GET", "/v1/segments/vips?version=1", "", "", 200, nil, nil},
		{"readSegment", "GET", "/v1/segments/vips?version=3", "", "", 404, nil, nil},
		{"readSegment", "GET", "/v1/segments/vips?version=0", "", "", 400, nil, nil},
		{"readSegment", "GET", "/v1/segments/vips", "", "", 401, &nobody, nil},
		{"readSegment", "GET", "/v1/segments/vips", "", "", 403, operator, nil},
		{"previewSegment", "GET", "/v1/segments/vips/preview", "", "", 200, nil, nil},
		{"previewSegment", "GET", "/v1/segments/vips/preview?count=false&version=1", "", "", 200, nil, nil},
		{"previewSegment", "GET", "/v1/segments/none/preview", "", "", 404, nil, nil},
		{"previewExpression", "POST", "/v1/segments/preview", `{"where":"true"}`, j, 200, nil, nil},
		{"previewExpression", "POST", "/v1/segments/preview?count=no", `{"where":"true"}`, j, 400, nil, nil},
		{"addToList", "POST", "/v1/lists/beta", `{"user":"ann"}`, "application/x-ndjson", 200, nil, nil},
		{"removeFromList", "POST", "/v1/lists/beta/remove", `{"user":"ann"}`, "application/x-ndjson", 200, nil, nil},
		{"readList", "GET", "/v1/lists/beta", "", "", 200, nil, nil},
		{"countList", "GET", "/v1/lists/beta/count", "", "", 200, nil, nil},
		{"emptyList", "DELETE", "/v1/lists/beta", "", "", 200, nil, nil},
		{"deleteSegment", "DELETE", "/v1/segments/vips", "", "", 412, nil, []string{"If-Match", `"1"`}},
		{"deleteSegment", "DELETE", "/v1/segments/vips", "", "", 204, nil, nil},
		{"deleteSegment", "DELETE", "/v1/segments/vips", "", "", 404, nil, nil},
		{"putCategory", "PUT", "/v1/categories/order", `{"names":{"en":"Orders","zh":"订单"},"channels":{"sms":false},"locked":true}`, j, 201, nil, []string{"Idempotency-Key", "c1"}},
		{"putCategory", "PUT", "/v1/categories/order", `{"names":{"en":"Orders"}}`, j, 200, nil, nil},
		{"putCategory", "PUT", "/v1/categories/order", `{"names":{"en":"Orders"}}`, j, 412, nil, []string{"If-Match", `"1"`}},
		{"putCategory", "PUT", "/v1/categories/order", `{"locked":true,"marketing":true}`, j, 400, nil, nil},
		{"listCategories", "GET", "/v1/categories?limit=1", "", "", 200, nil, nil},
		{"readCategory", "GET", "/v1/categories/order?version=1", "", "", 200, nil, nil},
		{"readCategory", "GET", "/v1/categories/none", "", "", 404, nil, nil},
		{"deleteCategory", "DELETE", "/v1/categories/order", "", "", 204, nil, nil},
		{"putPolicy", "PUT", "/v1/policies/promo", `{"caps":[{"max":3,"per":"24h","category":"promo"}],"on_capped":"digest","digest":{"at":"09:00","title":"{total} offers"},"quiet_hours":{"from":"22:00","to":"08:00","zone":"user","days":["mon"],"holidays":["2026-10-01"]},"duplicates":{"per":"10m"},"critical":{"passes":["caps"]},"respects":["mute"],"release":{"spread":"5m"}}`, j, 201, nil, []string{"Idempotency-Key", "p1"}},
		{"putPolicy", "PUT", "/v1/policies/promo", `{"on_held":"drop"}`, j, 200, nil, nil},
		{"putPolicy", "PUT", "/v1/policies/promo", `{"on_held":"drop"}`, j, 412, nil, []string{"If-Match", `"1"`}},
		{"putPolicy", "PUT", "/v1/policies/promo", `{"caps":[{"max":0,"per":"24h"}]}`, j, 400, nil, nil},
		{"listPolicies", "GET", "/v1/policies?limit=1", "", "", 200, nil, nil},
		{"readPolicy", "GET", "/v1/policies/promo?version=1", "", "", 200, nil, nil},
		{"readPolicy", "GET", "/v1/policies/none", "", "", 404, nil, nil},
		{"simulatePolicy", "POST", "/v1/policies/promo/simulate", `{"users":["alice"],"message":{"title":"x"}}`, j, 200, nil, nil},
		{"simulatePolicy", "POST", "/v1/policies/promo/simulate", `{"users":["alice"],"message":{"title":"x"},"rules":{"on_held":"drop"}}`, j, 200, nil, nil},
		{"simulatePolicy", "POST", "/v1/policies/none/simulate", `{"users":["alice"],"message":{"title":"x"}}`, j, 404, nil, nil},
		{"simulatePolicy", "POST", "/v1/policies/promo/simulate", `{"users":["alice"]}`, j, 400, nil, nil},
		{"deletePolicy", "DELETE", "/v1/policies/promo", "", "", 204, nil, nil},
		{"listQuotas", "GET", "/v1/quotas?limit=1", "", "", 200, nil, nil},
		{"listQuotas", "GET", "/v1/quotas?next=a/b", "", "", 400, nil, nil},
		{"putDenials", "PUT", "/v1/deny/alice", `{"category":"promo","channel":"inapp","reason":"asked for it","until":"2100-01-01T00:00:00Z"}`, j, 204, nil, []string{"Idempotency-Key", "deny-1"}},
		{"putDenials", "PUT", "/v1/deny/alice", `{"for":"1h"}`, j, 400, nil, nil},
		{"readDenials", "GET", "/v1/deny/alice", "", "", 200, nil, nil},
		{"deleteDenials", "DELETE", "/v1/deny/alice?category=promo&channel=inapp", "", "", 204, nil, nil},
		{"putAllowances", "PUT", "/v1/allow/alice", `{}`, j, 204, nil, nil},
		{"readAllowances", "GET", "/v1/allow/alice", "", "", 200, nil, nil},
		{"deleteAllowances", "DELETE", "/v1/allow/alice", "", "", 204, nil, nil},
		{"putCampaign", "PUT", "/v1/campaigns/spring", spring, j, 201, nil, []string{"Idempotency-Key", "c1"}},
		{"putCampaign", "PUT", "/v1/campaigns/spring", spring, j, 201, nil, []string{"Idempotency-Key", "c1"}},
		{"putCampaign", "PUT", "/v1/campaigns/spring", `{}`, j, 400, nil, nil},
		{"listCampaigns", "GET", "/v1/campaigns", "", "", 200, nil, nil},
		{"readCampaign", "GET", "/v1/campaigns/spring", "", "", 200, nil, nil},
		{"readCampaign", "GET", "/v1/campaigns/none", "", "", 404, nil, nil},
		{"startCampaign", "POST", "/v1/campaigns/spring/start", `{"version":1}`, j, 409, nil, nil},
		{"submitCampaign", "POST", "/v1/campaigns/spring/submit", "", "", 200, nil, nil},
		{"approveCampaign", "POST", "/v1/campaigns/spring/approve", `{"version":1,"hash":"x"}`, j, 409, nil, nil},
		{"rejectCampaign", "POST", "/v1/campaigns/spring/reject", `{"version":1,"reason":"why"}`, j, 200, nil, nil},
		{"pauseCampaign", "POST", "/v1/campaigns/spring/pause", "", "", 200, nil, nil},
		{"pauseCampaign", "POST", "/v1/campaigns/spring/pause", "{}", j, 400, nil, nil},
		{"resumeCampaign", "POST", "/v1/campaigns/spring/resume", "", "", 200, nil, nil},
		{"cancelCampaign", "POST", "/v1/campaigns/spring/cancel", "", "", 200, nil, nil},
		{"retractCampaign", "POST", "/v1/campaigns/spring/retract", "", "", 200, nil, nil},
		{"readCampaignArm", "GET", "/v1/campaigns/spring/arm?user=alice", "", "", 200, nil, nil},
		{"readCampaignArm", "GET", "/v1/campaigns/spring/arm", "", "", 400, nil, nil},
		{"archiveCampaign", "DELETE", "/v1/campaigns/spring", "", "", 204, nil, nil},
		{"putTemplate", "PUT", "/v1/templates/parcel", parcel, j, 201, nil, []string{"Idempotency-Key", "t1"}},
		{"putTemplate", "PUT", "/v1/templates/parcel", parcel, j, 201, nil, []string{"Idempotency-Key", "t1"}},
		{"putTemplate", "PUT", "/v1/templates/parcel", parcel, j, 412, nil, []string{"If-Match", `"7"`}},
		{"putTemplate", "PUT", "/v1/templates/parcel", `{}`, j, 400, nil, nil},
		{"listTemplates", "GET", "/v1/templates?limit=1", "", "", 200, nil, nil},
		{"readTemplate", "GET", "/v1/templates/parcel?version=1", "", "", 200, nil, nil},
		{"readTemplate", "GET", "/v1/templates/none", "", "", 404, nil, nil},
		{"previewTemplate", "POST", "/v1/templates/parcel/preview", `{"locale":"zh-CN","data":{"who":"Mei"}}`, j, 200, nil, nil},
		{"previewTemplate", "POST", "/v1/templates/parcel/preview", `{}`, j, 400, nil, nil},
		{"putProfile", "PUT", "/v1/users/qa", `{"tags":["tester"]}`, j, 200, nil, nil},
		{"testTemplate", "POST", "/v1/templates/parcel/test-send", `{"user":"qa","data":{"who":"Mei"}}`, j, 201, nil, nil},
		{"testTemplate", "POST", "/v1/templates/parcel/test-send", `{"user":"bob","data":{"who":"Mei"}}`, j, 403, nil, nil},
		{"publish", "POST", u + "/messages", `{"template":{"id":"parcel","data":{"who":"Mei"}}}`, j, 409, nil, nil},
		{"submitTemplate", "POST", "/v1/templates/parcel/submit", "", "", 200, nil, nil},
		{"submitTemplate", "POST", "/v1/templates/parcel/submit", "", "", 409, nil, nil},
		{"approveTemplate", "POST", "/v1/templates/parcel/approve", `{"version":1,"hash":"x"}`, j, 409, nil, nil},
		{"rejectTemplate", "POST", "/v1/templates/parcel/reject", `{"version":1,"reason":"why"}`, j, 200, nil, nil},
		{"publishTemplate", "POST", "/v1/templates/parcel/publish", `{"version":1}`, j, 409, nil, nil},
		{"rollbackTemplate", "POST", "/v1/templates/parcel/rollback", "", "", 409, nil, nil},
		{"diffTemplate", "GET", "/v1/templates/parcel/diff?from=1", "", "", 200, nil, nil},
		{"archiveTemplate", "DELETE", "/v1/templates/parcel", "", "", 204, nil, nil},
		{"importUsers", "POST", "/v1/users/import?job=spring", "{\"user\":\"ann\",\"tags\":[\"vip\"]}\n{\"user\":\"me\"}\n", "application/x-ndjson", 200, nil, nil},
		{"importUsers", "POST", "/v1/users/import?job=spring", "", "application/x-ndjson", 409, nil, nil},
		{"importUsers", "POST", "/v1/users/import?mode=replace&job=table", "user,tags\nann,vip\n", "text/csv", 200, nil, nil},
		{"importUsers", "POST", "/v1/users/import?job=other&offset=7", "", "application/x-ndjson", 409, nil, nil},
		{"importUsers", "POST", "/v1/users/import?mode=x", "", "application/x-ndjson", 400, nil, nil},
		{"importUsers", "POST", "/v1/users/import?format=csv", "tags\n", "text/csv", 400, nil, nil},
		{"importUsers", "POST", "/v1/users/import", "", "application/x-ndjson", 401, &nobody, nil},
		{"exportUsers", "GET", "/v1/users/export", "", "", 200, nil, nil},
		{"exportUsers", "GET", "/v1/users/export?format=csv&after=ann", "", "", 200, nil, nil},
		{"exportUsers", "GET", "/v1/users/export?format=xml", "", "", 400, nil, nil},
		{"exportUsers", "GET", "/v1/users/export", "", "", 401, &nobody, nil},
		{"readJob", "GET", "/v1/jobs/spring", "", "", 200, nil, nil},
		{"readJob", "GET", "/v1/jobs/table", "", "", 200, nil, nil},
		{"readJob", "GET", "/v1/jobs/none", "", "", 404, nil, nil},
		{"listJobs", "GET", "/v1/jobs?limit=1", "", "", 200, nil, nil},
		{"listJobs", "GET", "/v1/jobs?next=a%2Fb", "", "", 400, nil, nil},
		{"deleteJob", "DELETE", "/v1/jobs/spring", "", "", 204, nil, nil},
		{"deleteJob", "DELETE", "/v1/jobs/spring", "", "", 404, nil, nil},
		{"listAudit", "GET", "/v1/audit?limit=5", "", "", 200, nil, nil},
		{"listAudit", "GET", "/v1/audit", "", "", 200, operator, nil},
		{"listAudit", "GET", "/v1/audit?since=today", "", "", 400, nil, nil},
		{"listAudit", "GET", "/v1/audit?app=other", "", "", 403, nil, nil},
		{"clusterStatus", "GET", "/v1/cluster", "", "", 403, nil, nil},
		{"clusterStatus", "GET", "/v1/cluster", "", "", 200, operator, nil},
		{"clusterStatus", "GET", "/v1/cluster", "", "", 401, &nobody, nil},
		{"drainNode", "POST", "/v1/cluster/drain", "", "", 202, operator, nil},
		{"drainNode", "POST", "/v1/cluster/drain", "", "", 401, &nobody, nil},
		{"healthy", "GET", "/healthz", "", "", 200, &nobody, nil},
		{"ready", "GET", "/readyz", "", "", 200, &nobody, nil},
		{"metrics", "GET", "/metrics", "", "", 200, &nobody, nil},
		{"document", "GET", "/openapi.yaml", "", "", 200, &nobody, nil},
		{"demo", "GET", "/", "", "", 200, &nobody, nil},
		{"console", "GET", "/console", "", "", 200, &nobody, nil},
		{"client", "GET", "/reddot.js", "", "", 200, &nobody, nil},
		{"seedPublishGet", "GET", "/polling/publish/alice?message=x", "", "", 200, nil, nil},
		{"seedPublishGet", "GET", "/polling/publish/alice", "", "", 200, nil, nil},
		{"seedPublishGet", "GET", "/polling/publish/alice?message=%ff", "", "", 400, nil, nil},
		{"seedPublishPost", "POST", "/polling/publish/alice?message=x", "", "", 200, nil, nil},
		{"seedSocketPublishGet", "GET", "/socket/publish?userId=alice&message=x", "", "", 200, nil, nil},
		{"seedSocketPublishPost", "POST", "/socket/publish?userId=alice&message=x", "", "", 200, nil, nil},
	}
	for op, name := range map[string]string{"markSeen": "seen", "markRead": "read", "markArchive": "archive"} {
		cases = append(cases, documentCase{op, "POST", u + "/" + name, `{"ids":["` + actors.NewID().String() + `"]}`, j, 200, nil, nil})
	}
	for op, name := range map[string]string{"markSeenOne": "seen", "markReadOne": "read", "markUnreadOne": "unread", "markArchiveOne": "archive"} {
		cases = append(cases, documentCase{op, "POST", u + "/messages/" + id + "/" + name, "", "", 200, nil, nil})
	}
	// The transports' own answers are their packages' to check; here their
	// errors stand for the operations.
	for op, path := range map[string]string{"counts": u + "/counts", "wait": u + "/wait", "stream": u + "/stream", "iframe": u + "/iframe", "webSocket": u + "/ws",
		"seedCount": "/message/count/alice", "seedWatch": "/polling/watch/alice", "seedIframe": "/iframe/message", "seedStream": "/sse/sub/alice",
		"seedWebSocket": "/webSocket/alice", "seedWebsocket": "/websocket/alice"} {
		cases = append(cases, documentCase{op, "GET", path, "", "", 401, &nobody, nil}, documentCase{op, "GET", path + "?after=bad", "", "", 400, nil, nil})
	}
	return cases
}

// TestDocumentNamesTheLimits holds numbers in the document against defaults.
func TestDocumentNamesTheLimits(t *testing.T) {
	var c Config
	c.fill()
	for _, want := range []string{"maxItems: 1000", "maximum: 200, default: 50"} {
		if !bytes.Contains(document, []byte(want)) {
			t.Errorf("openapi.yaml says nowhere %q", want)
		}
	}
	if c.Message.Users != 1000 || transports.MaxMarkIDs != 1000 || c.ListLimit != 200 || c.ListPage != 50 || transports.MaxUser != 128 {
		t.Error("a default has changed: change openapi.yaml too")
	}
}
