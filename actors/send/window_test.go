package send_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

func names(n int) []string {
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("u%03d", i)
	}
	return users
}

// TestWindow: of many users only some are asked at a time, another one for each that
// answers, and their answers are written down by the hundred.
func TestWindow(t *testing.T) {
	s := newScript(t)
	s.late = true
	done := make(chan struct{})
	r := actors.NewRequest(s.key, &actors.StartSend{Message: &actors.Message{Id: sendID[:], Category: "a"}, Users: names(300)})
	r.OnReply(func(*actors.Request) { close(done) })
	s.node.Send(s.key, r)
	<-done
	s.journal.Flush()
	if n := strings.Count(s.told(), "ask "); n != 64 {
		t.Fatalf("%d users are asked at once", n)
	}
	s.mu.Lock()
	first := s.waiting[0]
	s.waiting = s.waiting[1:]
	s.mu.Unlock()
	first()
	if out := s.told(); strings.Count(out, "ask ") != 1 || !strings.Contains(out, "ask u064 ") {
		t.Errorf("when one has answered: %s", out)
	}
	s.release()
	for out, late := "", time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		s.journal.Flush()
		out += s.told()
		asked, notes := strings.Count(out, "ask "), strings.Count(out, "PROGRESS")
		if asked == 300-65 && notes == 3 {
			break
		}
		if asked > 300-65 || notes > 3 || time.Now().After(late) {
			t.Fatalf("%d more are asked, and there are %d notes of progress", asked, notes)
		}
	}
}

// TestOnceEach: whatever ends the node under way, each user has the message once, and
// the funnel counts each once.
func TestOnceEach(t *testing.T) {
	j, clock := actorstest.NewJournal(), actorstest.NewClock()
	defer j.Close()
	users := names(200)
	node := actorstest.NewNode(t, j, clock, actors.Limits{})
	id := actors.NewID()
	key := actors.SendKey(actors.DefaultApp, id)
	ask := func(key actors.Key, c actors.Command) actors.Answer {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), actorstest.Patience)
		defer cancel()
		r := actors.NewRequest(key, c)
		if err := node.Ask(ctx, r); err != nil {
			t.Fatal(err)
		}
		return r.Answer
	}
	ask(key, &actors.StartSend{Message: &actors.Message{Id: id[:], Category: "a", Content: []byte(`"title":"x"`)}, Users: users})
	for crash := range 4 {
		for late := time.Now().Add(actorstest.Patience); j.Writes() < 1+30*(crash+1); time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("only %d writes", j.Writes())
			}
		}
		node.Stop()
		node = actorstest.NewNode(t, j, clock, actors.Limits{})
		clock.Advance(2 * time.Minute)
		node.Fire()
	}
	defer func() { node.Stop() }()
	for late := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		if a := ask(key, &actors.Find{ID: id}); strings.Contains(string(a.Body), `"state":"delivered"`) {
			if !strings.Contains(string(a.Body), `"funnel":{"accepted":200,`) {
				t.Errorf("got %s", a.Body)
			}
			break
		}
		if time.Now().After(late) {
			t.Fatal("it is not delivered in time")
		}
	}
	for _, u := range users {
		if a := ask(actors.UserKey(actors.DefaultApp, u), &actors.Counts{}); !strings.Contains(string(a.Counts), `"unread":1,`) {
			t.Fatalf("user %s: got %s", u, a.Counts)
		}
	}
}
