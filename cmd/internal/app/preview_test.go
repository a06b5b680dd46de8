package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestPreview previews a segment on a real store: users with and without a profile are
// found as soon as their writes are answered, and none of whom is erased.
func TestPreview(t *testing.T) {
	a, _ := start(t, testConfig(t))
	for i := range 6 {
		user := fmt.Sprint("user", i)
		publish(t, a, user, "")
		if i%2 == 0 {
			if status, body := call(t, "PUT", a.URL()+"/v1/users/"+user, "", `{"tags":["vip"],"attributes":{"city":"Shanghai","level":`+fmt.Sprint(i)+`}}`); status != http.StatusOK {
				t.Fatalf("got %d %s", status, body)
			}
		}
	}
	want := func(where string, count int) {
		t.Helper()
		status, body := call(t, "POST", a.URL()+"/v1/segments/preview", "", fmt.Sprintf(`{"where":%q}`, where))
		if status != http.StatusOK || !strings.Contains(body, fmt.Sprintf(`"count":%d,`, count)) {
			t.Errorf("%s: got %d %s, want %d", where, status, body, count)
		}
	}
	want("'vip' in tags && attributes.city == 'Shanghai'", 3)
	want("attributes.level >= 2", 2)
	want("!('vip' in tags)", 3)
	if status, body := call(t, "DELETE", a.URL()+"/v1/users/user2", "", ""); status/100 != 2 {
		t.Fatalf("got %d %s", status, body)
	}
	want("'vip' in tags", 2)
	want("true", 5)
}
