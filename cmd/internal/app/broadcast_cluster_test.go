//go:build unix

package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// TestBroadcastInCluster broadcasts by each of two servers to all, to those who
// follow a topic, and to a segment: pages see it at once, a phone whose session waits gets each of them once when
// it comes back to the other server, and so does who was away until a server has ended.
func TestBroadcastInCluster(t *testing.T) {
	all := startMQTTCluster(t, 2)
	a, b := all[0], all[1]
	send := func(on *App, to, title string) {
		t.Helper()
		status, answer := call(t, "POST", on.URL()+"/v1/messages", "", fmt.Sprintf(`{"to":%s,"title":%q}`, to, title))
		if status != http.StatusAccepted {
			t.Fatalf("to %s: got %d %s", to, status, answer)
		}
	}
	for _, user := range []string{"alice", "bob", "carol"} {
		publish(t, a, user, "")
	}
	if status, answer := call(t, "PUT", b.URL()+"/v1/users/alice/follows/news", "", ""); status != http.StatusOK {
		t.Fatalf("follow: %d %s", status, answer)
	}
	for path, body := range map[string]string{"/v1/segments/vips": `{"where":"'vip' in tags"}`, "/v1/users/alice": `{"tags":["vip"]}`} {
		if status, answer := call(t, "PUT", b.URL()+path, "", body); status != http.StatusOK && status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
	phone := func(on *App) (paho.Client, <-chan string) {
		return mqttClient(t, brokerOf(on), func(o *paho.ClientOptions) {
			o.SetUsername("alice").SetClientID("phone").SetCleanSession(false).SetOrderMatters(true)
		})
	}
	c, _ := phone(a)
	done(t, c.Subscribe("users/me/messages", 2, nil))
	c.Disconnect(100)
	pages := map[string]<-chan string{}
	for user, on := range map[string]*App{"alice": b, "bob": a} {
		pages[user] = stream(t, on, user, "")
		next(t, pages[user], "counts")
	}

	send(a, `{"all":true}`, "one")
	send(b, `{"topic":"news"}`, "two")
	send(b, `{"all":true}`, "three")
	send(a, `{"segment":"vips"}`, "four")
	for range 4 {
		next(t, pages["alice"], "message")
	}
	for range 2 {
		next(t, pages["bob"], "message")
	}
	_, got := phone(b)
	for _, title := range []string{"one", "two", "three", "four"} {
		m := <-got
		if want := fmt.Sprintf(`"title":%q`, title); !strings.HasPrefix(m, "users/me/messages ") || !strings.Contains(m, want) {
			t.Fatalf("the phone got %s, want %s", m, want)
		}
	}
	stop(t, a)
	for user, want := range map[string]int{"alice": 5, "bob": 3, "carol": 3, "dave": 0} {
		if n := unread(t, b, user); n != want {
			t.Errorf("%s has %d unread, want %d", user, n, want)
		}
	}
}
