package app

import (
	"fmt"
	"strings"
	"testing"
)

// TestActs lets users answer messages of their own and a broadcast: by HTTP and by a
// WebSocket, each once, and shown on their other connections and in the funnel.
func TestActs(t *testing.T) {
	a, _ := start(t, testConfig(t))
	const actions = `"title":"Leave?","actions":[{"id":"yes","label":"Yes"},{"id":"no","label":"No","reply":true}]`
	other := openSocket(t, a, "alice")
	other.read("hello")
	send := func(path, body string) string {
		t.Helper()
		status, answer := call(t, "POST", a.URL()+path, "", body)
		if status >= 300 {
			t.Fatalf("%d %s", status, answer)
		}
		_, id, _ := strings.Cut(answer, `"id":"`)
		return id[:36]
	}
	for path, body := range map[string]string{"/v1/users/alice/messages": "{" + actions + "}", "/v1/messages": `{"to":{"all":true},` + actions + "}"} {
		id := send(path, body)
		if got := other.read("message"); !strings.Contains(got, `"actions":[{"id":"yes","label":"Yes"}`) {
			t.Errorf("got %s", got)
		}
		alice := openSocket(t, a, "alice")
		alice.read("hello")
		alice.write(fmt.Sprintf(`{"type":"act","id":1,"message":%q,"action":"no","reply":"not now"}`, id))
		if got := other.read("state"); !strings.Contains(got, `"state":"read","acted":{"action":"no","reply":"not now","at":"`) || !strings.Contains(got, `"unread":0`) {
			t.Errorf("got %s", got)
		}
		act := a.URL() + "/v1/users/alice/messages/" + id + "/act"
		if status, body := call(t, "POST", act, "", `{"action":"yes"}`); status != 409 || !strings.Contains(body, `action \"no\"`) {
			t.Errorf("a second answer: %d %s", status, body)
		}
		if status, body := call(t, "GET", a.URL()+"/v1/messages/"+id, "", ""); status != 200 || !strings.Contains(body, `"acted":1}`) {
			t.Errorf("its funnel: %d %s", status, body)
		}
		if status, body := call(t, "GET", a.URL()+"/v1/users/alice/messages", "", ""); status != 200 || !strings.Contains(body, `"reply":"not now"`) {
			t.Errorf("the list: %d %s", status, body)
		}
	}
	if status, body := call(t, "POST", a.URL()+"/v1/users/alice/messages/"+send("/v1/users/alice/messages", `{"title":"x"}`)+"/act", "", `{"action":"yes"}`); status != 400 || !strings.Contains(body, `"field":"action"`) {
		t.Errorf("a message without actions: %d %s", status, body)
	}
}
