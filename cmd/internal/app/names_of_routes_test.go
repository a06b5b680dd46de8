package app

import (
	"net/http"
	"strings"
	"testing"
)

// Users and segments may be called as a route beside them is. What alone can't be had
// is the profile of a user named export by GET, for which its own user says me.
func TestNamesOfRoutes(t *testing.T) {
	a, _ := start(t, testConfig(t))
	want := func(method, path, body string, status int, part string) {
		t.Helper()
		if got, answer := call(t, method, a.URL()+path, "", body); got != status || !strings.Contains(answer, part) {
			t.Errorf("%s %s: got %d %s, want %d %s", method, path, got, answer, status, part)
		}
	}
	for _, user := range []string{"import", "export"} {
		path := "/v1/users/" + user
		want("PUT", path, `{"tags":["vip"]}`, http.StatusOK, `"vip"`)
		want("PATCH", path, `{"attributes":{"level":3}}`, http.StatusOK, `"level":3`)
		want("POST", path+"/messages", `{"body":"1"}`, http.StatusCreated, `"unread":1`)
		want("GET", path+"/counts", "", http.StatusOK, `"unread":1`)
		want("PUT", path+"/follows/news", "", http.StatusOK, `"unread":1`)
		want("GET", path+"/presence", "", http.StatusOK, `"online":false`)
		want("GET", path+"/export", "", http.StatusOK, `"vip"`)
	}
	want("GET", "/v1/users/import", "", http.StatusOK, `"vip"`)
	want("POST", "/v1/users/import", `{"user":"alice","tags":["new"]}`, http.StatusOK, `"done":1`)
	want("GET", "/v1/users/export", "", http.StatusOK, `{"user":"alice","tags":["new"]`)
	for _, user := range []string{"import", "export"} {
		want("DELETE", "/v1/users/"+user, "", http.StatusNoContent, "")
	}
	want("GET", "/v1/users/import", "", http.StatusOK, `"tags":[]`)

	want("PUT", "/v1/segments/preview", `{"where":"'new' in tags"}`, http.StatusCreated, `"version":1`)
	want("GET", "/v1/segments/preview", "", http.StatusOK, `'new' in tags`)
	want("GET", "/v1/segments/preview/preview", "", http.StatusOK, `"count":1`)
	want("POST", "/v1/segments/preview", `{"where":"true"}`, http.StatusOK, `"count":1`)
	want("PATCH", "/v1/segments/preview", "", http.StatusMethodNotAllowed, "it has DELETE, GET, HEAD, OPTIONS, POST, PUT")
	want("DELETE", "/v1/segments/preview", "", http.StatusNoContent, "")
}
