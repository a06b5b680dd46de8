package api

import (
	"strings"
	"testing"
	"time"

	"reddot/actors/quota"
	"reddot/actors/rule"
	"reddot/transports"
)

// TestQuotas lists what is taken of quotas, page by page.
func TestQuotas(t *testing.T) {
	s := serve(t, func(*Config, *Deps, *transports.Limits) {})
	for path, want := range map[string]string{"/v1/quotas": `{"quotas":[]}`, "/v1/quotas?next=a": `{"quotas":[]}`} {
		if a := s.do("GET", path, s.reader, ""); a.StatusCode != 200 || string(a.body) != want {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	taken := quota.New(s.records, func() int64 { return time.Now().UnixMilli() })
	for _, name := range []string{"a", "b", "c"} {
		done := make(chan error, 1)
		taken.Refill("default", rule.Quota{Name: name, Max: 10, Per: 31 * 24 * 3600 * 1000}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/v1/quotas?limit=2": `"next":"b"`, "/v1/quotas?limit=2&next=b": `{"quotas":[{"name":"c","taken":1,`} {
		if a := s.do("GET", path, s.reader, ""); a.StatusCode != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	for path, code := range map[string]int{"/v1/quotas?limit=0": 400, "/v1/quotas?next=a/b": 400} {
		if a := s.do("GET", path, s.reader, ""); a.StatusCode != code {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := s.do("GET", "/v1/quotas", s.publisher, ""); a.StatusCode != 403 {
		t.Errorf("with the scope publish: %d %s", a.StatusCode, a.body)
	}
}
