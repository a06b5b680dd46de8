package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestDryRunWritesNothing rehearses every way to publish: each says what would be, and
// leaves journals, counts and idempotency keys as they are.
func TestDryRunWritesNothing(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := func(method, path, key, body string, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	const one, many, batch = "/v1/users/alice/messages", "/v1/messages", "/v1/messages/batch"
	if status, body := ask("POST", one, "first", `{"body":"1","tenant":"acme"}`); status != http.StatusCreated {
		t.Fatalf("publish: %d %s", status, body)
	}
	for path, body := range map[string]string{"/v1/users/alice": `{"tags":["vip"]}`, "/v1/segments/vips": `{"where":"'vip' in tags"}`, "/v1/users/alice/follows/it's%22new": ""} {
		if status, body := ask("PUT", path, "", body, "Content-Type", "application/json"); status/100 != 2 {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	stored := func() (all string) {
		for _, user := range []string{"alice", "bob"} {
			for _, part := range []string{"/journal", "/counts"} {
				_, body := ask("GET", "/v1/users/"+user+part, "", "")
				all += user + part + body + "\n"
			}
		}
		return all
	}
	before := stored()
	event := `{"specversion":"1.0","id":"1","source":"/shop","type":"order","subject":"alice","data":1}`
	for _, tt := range []struct {
		path, key, body, kind string
		status                int
		want                  []string // parts of the answer
	}{
		{one, "", `{"body":"2","tenant":"acme"}`, "", 200, []string{`{"dry_run":true,"outcome":"delivered","counts":{"unread":2,"unseen":2,"by_category":{"default":2},"by_tenant":{"acme":2}`}},
		{one, "", `{"body":"2","send_at":"2099-01-01T00:00:00Z"}`, "", 200, []string{`"outcome":"scheduled","counts":{"unread":1`}},
		{one, "first", `{"body":"1","tenant":"acme"}`, "", 200, []string{`"dry_run":true,"replayed":true,"id":"`, `"counts":{"unread":1`}},
		{one, "first", `{"body":"another"}`, "", 422, []string{"idempotency_conflict"}},
		{one, "", `{"body":7}`, "", 400, []string{`"field":"body"`}},
		{"/v1/users/bob/messages", "", `{"body":"2"}`, "", 200, []string{`"counts":{"unread":1`}},
		{many, "", `{"to":{"user":"bob"},"body":"2"}`, "", 200, []string{`"outcome":"delivered","counts":{"unread":1`}},
		{many, "new", `{"to":{"users":["alice","bob"]},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":2,"users":[{"user":"alice","outcome":"delivered","counts":{"unread":2`, `},{"user":"bob","outcome":"delivered","counts":{"unread":1`}},
		{many, "new", `{"to":{"all":true},"body":"2"}`, "", 200, []string{`{"dry_run":true}`}},
		{many, "", `{"to":{"topic":"news"},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":0,"users":[]}`}},
		{many, "", `{"to":{"topic":"it's\"new"},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":1,"users":[{"user":"alice","outcome":"delivered","counts":{"unread":2`}},
		{many, "", `{"to":{"topic":"` + strings.Repeat(`\"`, 1000) + `"},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":0,"users":[]}`}}, // longer than an expression may be, if it were one
		{many, "", `{"to":{"segment":"vips"},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":1,"users":[{"user":"alice","outcome":"delivered","counts":{"unread":2`}},
		{many, "", `{"to":{"list":"beta"},"body":"2"}`, "", 200, []string{`{"dry_run":true,"recipients":0,"users":[]}`}},
		{many, "", `{"to":{"segment":"gone"},"body":"2"}`, "", 404, []string{"there is no segment gone"}},
		{batch, "", `{"to":{"user":"alice"},"body":"2","idempotency_key":"b1"}` + "\n" + `{"to":{"users":["alice","bob"]},"body":"2"}` + "\n" + `{"to":{"all":true},"body":"2"}` + "\n{}\n", "", 200,
			[]string{`{"status":200,"dry_run":true,"outcome":"delivered","counts":{"unread":2`, `{"status":200,"dry_run":true,"recipients":2}`, `{"status":200,"dry_run":true}`, `"status":400`}},
		{"/v1/events", "", event, "application/cloudevents+json", 200, []string{`{"dry_run":true,"outcome":"delivered"`}},
		{"/v1/events", "", "[" + event + "]", "application/cloudevents-batch+json", 200, []string{`{"results":[{"status":200,"dry_run":true,"outcome":"delivered"`}},
	} {
		header := []string{"Content-Type", "application/json"}
		if tt.kind != "" {
			header[1] = tt.kind
		}
		status, body := ask("POST", tt.path+"?dry_run=true", tt.key, tt.body, header...)
		if status != tt.status {
			t.Errorf("%s %s: got %d %s", tt.path, tt.body, status, body)
		}
		for _, part := range tt.want {
			if !strings.Contains(body, part) {
				t.Errorf("%s %s: got %s, want %s", tt.path, tt.body, body, part)
			}
		}
	}
	if after := stored(); after != before {
		t.Errorf("got\n%s, want\n%s", after, before)
	}
	// No key was kept, so what was rehearsed is done now, and once.
	for i, tt := range []struct{ body, want string }{
		{`{"to":{"users":["alice","bob"]},"body":"2"}`, `"recipients":2`}, {`{"to":{"users":["alice","bob"]},"body":"2"}`, `"recipients":2`},
	} {
		if status, body := ask("POST", many, "new", tt.body); status != http.StatusAccepted || !strings.Contains(body, tt.want) {
			t.Errorf("send %d: got %d %s", i, status, body)
		}
	}
	status, body := ask("POST", many+"?dry_run=true", "new", `{"to":{"users":["alice","bob"]},"body":"2"}`)
	if status != http.StatusOK || !strings.Contains(body, `"replayed":true`) || strings.Contains(body, `"users"`) {
		t.Errorf("the repeat of a send: got %d %s", status, body)
	}
	eventually(t, "both have it", func() bool { return unread(t, a, "alice") == 2 && unread(t, a, "bob") == 1 })
	for _, bad := range []string{"1", "yes", ""} {
		if status, body := ask("POST", one+"?dry_run="+bad, "", `{"body":"2"}`); status != http.StatusBadRequest || !strings.Contains(body, `"field":"dry_run"`) {
			t.Errorf("dry_run=%s: got %d %s", bad, status, body)
		}
	}
	for _, other := range []string{"/v1/users/alice/read", "/v1/users/alice/messages/01980e2b-6b3c-7c1e-a4b0-0123456789ab/read"} {
		if status, body := ask("POST", other+"?dry_run=true", "", `{"all":true}`); status != http.StatusBadRequest || !strings.Contains(body, `"field":"dry_run"`) {
			t.Errorf("%s: got %d %s", other, status, body)
		}
	}
}
