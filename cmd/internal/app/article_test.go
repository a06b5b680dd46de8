package app

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"reddot/cmd/internal/config"

	"github.com/coder/websocket"
)

// TestArticle makes the calls of the article that this program grew from, as it
// prints them: one publish without a message answers success and wakes all who
// wait for user 10086, however they wait.
func TestArticle(t *testing.T) {
	plainAndTLS(t, func(t *testing.T, cfg config.Config) {
		a, _ := start(t, cfg)
		heard := make(chan string, 10) // who has heard, and what
		listen := func(who, path string) {
			t.Helper()
			res, err := http.Get(a.URL() + path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = res.Body.Close() })
			go func() {
				for s := bufio.NewScanner(res.Body); s.Scan(); {
					text := s.Text()
					if strings.Contains(text, "updated at ") || strings.Contains(text, "only a title") ||
						strings.Contains(text, `("count").innerHTML="`) && !strings.Contains(text, `innerHTML="0"`) { // the page shows the number
						heard <- who
					}
				}
			}()
		}
		watch := func(who string) {
			go func() {
				res, err := http.Get(a.URL() + "/polling/watch/10086")
				if err != nil {
					heard <- who + ": " + err.Error()
					return
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 {
					heard <- who + ": " + res.Status
					return
				}
				heard <- who
			}()
		}
		watchers := []string{"watch 1", "watch 2", "watch 3"}
		for _, who := range watchers {
			watch(who)
		}
		listen("sse", "/sse/sub/10086")
		listen("iframe", "/iframe/message?userId=10086")
		var sockets []*websocket.Conn
		for _, path := range []string{"/webSocket/10086", "/websocket/10086"} {
			c, _, err := websocket.Dial(t.Context(), strings.Replace(a.URL(), "http", "ws", 1)+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.CloseNow() })
			sockets = append(sockets, c)
			go func() {
				for {
					_, text, err := c.Read(t.Context())
					if err != nil {
						return
					}
					if strings.Contains(string(text), "updated at ") || strings.Contains(string(text), "only a title") {
						heard <- path
					}
				}
			}()
		}
		modern := stream(t, a, "10086", "")
		next(t, modern, "counts")
		// Their user knows them: who is connected may still be on its way there.
		waiting := func() bool {
			_, body := call(t, "GET", a.URL()+"/v1/users/10086/connections", "", "")
			open := func(transport string) int { return strings.Count(body, `"transport":"`+transport+`"`) }
			return open("longpoll") >= len(watchers) && open("sse") >= 2 && open("iframe") >= 1 && open("ws") >= len(sockets)
		}
		eventually(t, "all wait", waiting)

		all := append([]string{"sse", "iframe", "/webSocket/10086", "/websocket/10086"}, watchers...)
		awake := func(what string) {
			t.Helper()
			missing := map[string]bool{}
			for _, who := range all {
				missing[who] = true
			}
			eventually(t, what+" wakes all", func() bool {
				select {
				case who := <-heard:
					if !missing[who] {
						t.Fatalf("%s: got %q", what, who)
					}
					delete(missing, who)
				default:
				}
				return len(missing) == 0
			})
			next(t, modern, "message")
		}
		get := func(path, want string) {
			t.Helper()
			if status, body := call(t, "GET", a.URL()+path, "", ""); status != http.StatusOK || body != want {
				t.Errorf("%s: got %d %s, want %s", path, status, body, want)
			}
		}
		get("/message/count/10086", `{"code":200,"data":0}`)
		get("/polling/publish/10086", "success")
		awake("a publish without a message")
		get("/message/count/10086", `{"code":200,"data":1}`)

		// A title alone is a text as well.
		for _, who := range watchers {
			watch(who)
		}
		eventually(t, "all wait again", waiting)
		if status, body := call(t, "POST", a.URL()+"/v1/users/10086/messages", "", `{"title":"only a title","body":""}`); status != http.StatusCreated {
			t.Fatalf("publish: %d %s", status, body)
		}
		awake("a title with an empty body")
		get("/message/count/10086", `{"code":200,"data":2}`)

		// The last listing: to all who are connected.
		get("/socket/publish?userId=10086&message=updated%20at%20noon", "success")
		all = all[:len(all)-len(watchers)]
		awake("a publish to a socket")
		get("/socket/publish?message=updated%20at%20noon", "success")
		awake("a publish to all sockets")
		get("/message/count/10086", `{"code":200,"data":4}`)
	})
}
