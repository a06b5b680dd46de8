//go:build unix

package app

import (
	"net/http"
	"strings"
	"testing"
)

// TestProfileInCluster writes and reads profiles on each of two servers, wherever
// their users live, erases them under the eyes of who is connected, and ends a server:
// the other one knows the same.
func TestProfileInCluster(t *testing.T) {
	all := startCluster(t, testConfig(t), 2)
	a, b := all[0], all[1]
	users := []string{"u1", "u2", "u3", "u4", "u5", "u6"} // they live here and there
	ask := func(on *App, method, path, body, want string) {
		t.Helper()
		status, answer := call(t, method, on.URL()+"/v1/users/"+path, "", body)
		if status >= http.StatusMultipleChoices || !strings.Contains(answer, want) {
			t.Errorf("%s %s: got %d %s, want %s", method, path, status, answer, want)
		}
	}
	for _, u := range users {
		events := stream(t, a, u, "")
		next(t, events, "counts")
		ask(a, "PUT", u, `{"tags":["vip"],"attributes":{"city":"Shanghai"}}`, `"city":"Shanghai"`)
		ask(b, "PATCH", u, `{"attributes":{"city":null,"level":3}}`, `"attributes":{"level":3}`)
		ask(b, "PUT", u+"/preferences", `{"channels":{"sms":false}}`, `"sms":false`)
		ask(a, "PUT", u+"/follows/news/eu", "", `"counts"`)
		for _, on := range all {
			ask(on, "GET", u, "", `{"tags":["vip"],"attributes":{"level":3}`)
			ask(on, "GET", u+"/preferences", "", `"sms":false`)
			ask(on, "GET", u+"/follows", "", `{"follows":["news/eu"]}`)
			ask(on, "GET", u+"/export", "", `"follows":["news/eu"]`)
		}
		ask(b, "DELETE", u, "", "")
		next(t, events, "reset")
		for _, on := range all {
			ask(on, "GET", u, "", `{"tags":[],"attributes":{},`)
			ask(on, "GET", u+"/follows", "", `{"follows":[]}`)
		}
		ask(a, "PUT", u, `{"zone":"Asia/Shanghai"}`, `"zone":"Asia/Shanghai"`)
		publish(t, b, u, "")
		next(t, events, "message")
	}
	stop(t, a)
	for _, u := range users {
		ask(b, "GET", u, "", `"zone":"Asia/Shanghai"`)
	}
}
