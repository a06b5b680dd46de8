package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A page of a list is bounded in bytes, too, and its next leads to the rest.
func TestListsArePaged(t *testing.T) {
	a, _ := start(t, testConfig(t))
	const messages, size, most = 12, 60 << 10, 512 << 10
	for i := range messages {
		if status, body := call(t, "POST", a.URL()+"/v1/users/alice/messages", "", fmt.Sprintf(`{"title":"%d","body":%q}`, i, strings.Repeat("x", size))); status != http.StatusCreated {
			t.Fatalf("publish: %d %s", status, body)
		}
	}
	next, seen, pages := "", 0, 0
	for {
		status, body := call(t, "GET", a.URL()+"/v1/users/alice/messages?limit=200&next="+next, "", "")
		var page struct {
			Messages []struct{ Title string }
			Next     string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			t.Fatalf("page %d: %d, %v", pages, status, err)
		}
		if len(body) > most {
			t.Errorf("page %d has %d bytes", pages, len(body))
		}
		for _, m := range page.Messages {
			if want := fmt.Sprint(messages - 1 - seen); m.Title != want {
				t.Fatalf("got message %s, want %s", m.Title, want)
			}
			seen++
		}
		if pages++; page.Next == "" {
			break
		}
		next = page.Next
	}
	if seen != messages || pages < 2 {
		t.Errorf("got %d messages on %d pages", seen, pages)
	}
}
