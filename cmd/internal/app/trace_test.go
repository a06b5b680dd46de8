package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/transports"
)

// A traced is an event of a trace.
type traced struct {
	Type, User, Topic, Campaign, Node, ID, What, Why string
	IDs, Connections, Events                         []string
}

// tracing opens a trace on a server, of which so many nodes take part, and returns what reads its
// next event of a type, after which nothing is skipped but what is of others.
func tracing(t *testing.T, a *App, query, credential string, nodes int) func(kind string) traced {
	t.Helper()
	lines := streamOf(t, a.URL()+"/v1/trace?"+query, credential)
	await := func(kind string) traced {
		t.Helper()
		late := time.After(patience)
		for {
			select {
			case line, ok := <-lines:
				var x traced
				if !ok {
					t.Fatalf("the trace has ended without %s", kind)
				}
				if err := json.Unmarshal([]byte(line), &x); err != nil {
					// numbers of an end
					x = traced{}
					var y struct{ Type, Why string }
					if err := json.Unmarshal([]byte(line), &y); err != nil {
						t.Fatalf("%s: %v", line, err)
					}
					x.Type, x.Why = y.Type, y.Why
				}
				if x.Type == kind {
					return x
				}
			case <-late:
				t.Fatalf("no event %s", kind)
			}
		}
	}
	for range nodes {
		await("tracing")
	}
	return await
}

// TestTrace follows a user's message from its coming to its end, by the user, by the message and by
// its connection; and what is published to a topic.
func TestTrace(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := asking(t, func() string { return a.URL() })
	ask("PUT", "/v1/policies/one", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`, http.StatusCreated)
	user := tracing(t, a, "user=alice", "", 1)
	page := stream(t, a, "alice", "")
	next(t, page, "counts")
	here := user("connected")
	if here.User != "alice" || len(here.Connections) != 1 {
		t.Fatalf("got %+v", here)
	}
	conn := tracing(t, a, "connection="+here.Connections[0], "", 1)
	publish := func() string {
		return ask("POST", "/v1/users/alice/messages", `{"title":"secret","category":"promo","policy":{"name":"one"}}`, http.StatusCreated)["id"].(string)
	}
	id := publish()
	if x := user("accepted"); x.ID != id || strings.Contains(fmt.Sprint(x), "secret") {
		t.Errorf("got %+v", x)
	}
	for _, of := range []func(string) traced{user, conn} {
		if x := of("push"); !slices.Equal(x.Connections, here.Connections) || !slices.Equal(x.Events, []string{"message"}) {
			t.Errorf("got %+v", x)
		}
	}
	message := tracing(t, a, "message="+id, "", 1)
	other := publish()
	if x := user("filtered"); x.ID != other || !strings.Contains(x.What, "cap") {
		t.Errorf("got %+v", x)
	}
	ask("POST", "/v1/users/bob/messages", `{"title":"x"}`, http.StatusCreated)
	ask("POST", "/v1/users/alice/messages/"+id+"/read", "", http.StatusOK)
	for _, of := range []func(string) traced{user, message} {
		if x := of("marked"); !slices.Equal(x.IDs, []string{id}) {
			t.Errorf("got %+v", x)
		}
		if x := of("push"); !slices.Equal(x.Events, []string{"state"}) {
			t.Errorf("got %+v", x)
		}
	}
	cast := ask("POST", "/v1/messages", `{"to":{"all":true},"title":"x"}`, http.StatusAccepted)["id"].(string)
	if x := user("accepted"); x.ID != cast || x.User != "alice" {
		t.Errorf("got %+v", x)
	}
	ask("POST", "/v1/users/alice/disconnect", "", http.StatusNoContent)
	user("disconnected")
	conn("disconnected")

	news := tracing(t, a, "topic="+url.QueryEscape("news/#"), "", 1)
	ask("POST", "/v1/topics/news/x", `{"secret":1}`, http.StatusOK)
	if x := news("topic"); x.Topic != "news/x" {
		t.Errorf("got %+v", x)
	}
	ask("POST", "/v1/messages", `{"to":{"topic":"news/y"},"title":"x"}`, http.StatusAccepted)
	if x := news("broadcast"); x.Topic != "news/y" {
		t.Errorf("got %+v", x)
	}
	if x := tracing(t, a, "user=carol&seconds=1", "", 1)("end"); x.Why != "time" {
		t.Errorf("got %+v", x)
	}
	for _, query := range []string{"", "user=alice&topic=x", "message=x", "connection=x", "campaign=%20", "user=a/b", "user=alice&seconds=0", "user=alice&seconds=601"} {
		if got, text := call(t, "GET", a.URL()+"/v1/trace?"+query, "", ""); got != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", query, got, text)
		}
	}
}

// TestTraceCampaign: of a campaign its steps are told, and what its users do with its messages.
func TestTraceCampaign(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := asking(t, func() string { return a.URL() })
	ask("PUT", "/v1/users/ann", `{"tags":["vip"]}`, http.StatusOK)
	v := ask("PUT", "/v1/campaigns/spring", `{"to":{"all":true},"message":{"title":"A"},"pace":100}`, http.StatusCreated)
	ask("POST", "/v1/campaigns/spring/submit", "", http.StatusOK)
	ask("POST", "/v1/campaigns/spring/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
	of := tracing(t, a, "campaign=spring", "", 1)
	ask("POST", "/v1/campaigns/spring/start", "", http.StatusOK)
	of("campaign")
	x := of("accepted")
	if x.User != "ann" || x.Campaign != "spring" {
		t.Errorf("got %+v", x)
	}
	ask("POST", "/v1/users/ann/messages/"+x.ID+"/read", "", http.StatusOK)
	if x := of("marked"); x.User != "ann" {
		t.Errorf("got %+v", x)
	}
}

// TestTraceInCluster: a trace tells what happens on whichever server.
func TestTraceInCluster(t *testing.T) {
	all := startCluster(t, testConfig(t), 2)
	a, b := all[0], all[1]
	nodes := map[string]bool{}
	of := tracing(t, a, "topic=news", "", 2)
	users := make([]string, 20)
	for i := range users { // they are spread over both
		users[i] = fmt.Sprint("u", i)
		if got, text := call(t, "PUT", b.URL()+"/v1/users/"+users[i]+"/follows/news", "", ""); got != http.StatusOK {
			t.Fatalf("got %d %s", got, text)
		}
		page := stream(t, []*App{a, b}[i%2], users[i], "")
		next(t, page, "counts")
	}
	got, text := call(t, "POST", b.URL()+"/v1/messages", "", `{"to":{"topic":"news"},"title":"x"}`)
	if got != http.StatusAccepted {
		t.Fatalf("got %d %s", got, text)
	}
	for range users {
		nodes[of("accepted").Node] = true
	}
	if len(nodes) != 2 {
		t.Errorf("all happens on %v", nodes)
	}
	one := tracing(t, b, "user=u1", "", 2)
	publish(t, a, "u1", "")
	one("accepted")
}

// TestTraceEnds: a trace ends where its key is revoked and where the server stops, and is not for those who only read.
func TestTraceEnds(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	key := func(scopes transports.Scopes) (id, text string) {
		t.Helper()
		k, secret, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: scopes.Names()}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return k.ID, secret.Reveal()
	}
	_, reader := key(transports.ScopeRead)
	_, support := key(transports.ScopeSupport)
	_, admin := key(transports.ScopeAdmin | transports.ScopePublish)
	gone, revoked := key(transports.ScopeSupport)
	a, _ := start(t, cfg)
	if got, _ := call(t, "GET", a.URL()+"/v1/trace?user=alice", reader, ""); got != http.StatusForbidden {
		t.Errorf("a reader: got %d", got)
	}
	of := tracing(t, a, "user=alice", revoked, 1)
	if got, text := call(t, "DELETE", a.URL()+"/v1/keys/"+gone, admin, ""); got != http.StatusOK {
		t.Fatalf("got %d %s", got, text)
	}
	if got, text := call(t, "POST", a.URL()+"/v1/users/alice/messages", admin, `{"title":"x"}`); got != http.StatusCreated { // it is noticed with the next event
		t.Fatalf("got %d %s", got, text)
	}
	if x := of("end"); x.Why != "forbidden" {
		t.Errorf("got %+v", x)
	}
	of = tracing(t, a, "user=alice", support, 1)
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop(t.Context()) }()
	if x := of("end"); x.Why != "drain" {
		t.Errorf("got %+v", x)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
