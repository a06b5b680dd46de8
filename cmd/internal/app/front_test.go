package app

import (
	"net/http"
	"strings"
	"testing"
)

// TestUnnamedProxyIsTold: who forgot trusted_proxies reads it in the log, once.
func TestUnnamedProxyIsTold(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	a, book := start(t, cfg)
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+"/v1/users/alice/counts", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "192.0.2.7")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if n := strings.Count(book.String(), "X-Forwarded-For"); n != 1 || !strings.Contains(book.String(), "peer=127.0.0.1") {
		t.Errorf("it was told %d times: %s", n, book)
	}
}
