package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/coder/websocket"
)

const (
	one = `{"type":"message","cursor":"c1","message":{"id":"m","body":"hi"},"counts":{"unread":1,"unseen":1,"rev":7}}`
	two = `{"type":"state","cursor":"c2","ids":["m"],"state":"read","counts":{"unread":0,"unseen":0,"rev":8}}`
)

// serve plays a user's routes, behind the cursor c0 and with a key.
func serve(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if after := r.URL.Query().Get("after"); after == "bad" {
			_, _ = io.WriteString(w, "data: {\n\n<script>parent.postMessage([,o)</script>")
			return
		} else if after != "c0" && r.URL.Path != "/u/counts" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		switch r.URL.Path {
		case "/u/counts":
			_, _ = io.WriteString(w, `{"unread":3,"unseen":2,"rev":9,"cursor":"c9"}`)
		case "/u/wait":
			_, _ = fmt.Fprintf(w, `{"events":[%s,%s],"counts":{"unread":0,"unseen":0,"rev":8},"cursor":"c2"}`, one, two)
		case "/u/stream":
			_, _ = fmt.Fprintf(w, "retry: 1\n\nid: c1\nevent: message\ndata: %s\n\n:\n\ndata: %s\n\ndata: {\"type\":\"cut", one, two)
		case "/u/iframe":
			_, _ = fmt.Fprintf(w, "<html>\n<script>var o=1</script>\n<script>parent.postMessage(%s,o)</script>\n<script>parent.postMessage(%s,o)</script>\n<script>parent.post", one, two)
		case "/u/ws":
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"reddot.v1"}})
			if err != nil {
				return
			}
			for _, e := range []string{one, two} {
				_ = ws.Write(r.Context(), websocket.MessageText, []byte(e))
			}
			_ = ws.Close(websocket.StatusGoingAway, "")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/u"
}

// Every transport tells the same events, and one that is cut off is none.
func TestTransports(t *testing.T) {
	user := serve(t)
	s := &Screen{HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Key: "k"}
	for transport, want := range map[string][]string{
		Poll:      {"counts c9 9"},
		LongPoll:  {"message c1 7 m hi", "state c2 8 m read", "counts c2 8"},
		SSE:       {"message c1 7 m hi", "state c2 8 m read"},
		Iframe:    {"message c1 7 m hi", "state c2 8 m read"},
		WebSocket: {"message c1 7 m hi", "state c2 8 m read"},
	} {
		var got []string
		err := s.Connect(t.Context(), user, transport, "c0", func(e Event) {
			text := fmt.Sprint(e.Type, " ", e.Cursor, " ", e.Counts.Rev)
			switch e.Type {
			case "message":
				text += " " + e.Message.ID + " " + e.Message.Body
			case "state":
				text += " " + e.IDs[0] + " " + e.State
			}
			got = append(got, text)
		})
		if polls := transport == Poll || transport == LongPoll; polls != (err == nil) {
			t.Errorf("%s ended with %v", transport, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", transport, got, want)
		}
	}
}

// What is no event, what is refused, and a wait in vain are told apart.
func TestErrors(t *testing.T) {
	user := serve(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s := &Screen{HTTP: client, Key: "k"}
	never := func(e Event) { t.Errorf("took %+v", e) }
	for _, transport := range []string{SSE, Iframe} {
		var bad *UnreadableError
		if err := s.Connect(t.Context(), user, transport, "bad", never); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want that it is no event", transport, err)
		}
	}
	if err := s.Connect(t.Context(), user, LongPoll, "c2", never); !errors.Is(err, ErrNotModified) {
		t.Errorf("got %v, want nothing new", err)
	}
	for _, transport := range []string{Poll, LongPoll, SSE, Iframe, WebSocket} {
		var refused *RefusedError
		err := (&Screen{HTTP: client}).Connect(t.Context(), user, transport, "c0", never)
		if transport != WebSocket && (!errors.As(err, &refused) || refused.Status != http.StatusUnauthorized) || err == nil {
			t.Errorf("%s: got %v, want 401", transport, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Connect(ctx, user, SSE, "c0", never); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's", err)
	}
	if err := s.Connect(t.Context(), user, "pigeon", "", never); err == nil {
		t.Error("took a transport that is none")
	}
}
