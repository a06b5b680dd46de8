package main

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestTailOverMQTT follows a user, loses its connection, and misses nothing.
func TestTailOverMQTT(t *testing.T) {
	var stdout, log screen
	root := newRoot()
	root.SetArgs([]string{"serve", "--dev", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--data", t.TempDir()})
	root.SetOut(&stdout)
	root.SetErr(&log)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(context.Background()) }()
	url := stdout.wait(t, `http://127\.0\.0\.1:\d+`)
	t.Cleanup(func() { kill(t, syscall.SIGTERM); <-ended })
	t.Setenv("REDDOT_URL", url)
	broker := "mqtt://" + strings.TrimPrefix(log.wait(t, `listening for MQTT" address=127\.0\.0\.1:\d+`), `listening for MQTT" address=`)

	var out, info screen
	tail := newRoot()
	tail.SetArgs([]string{"tail", "alice", "--mqtt", broker})
	tail.SetOut(&out)
	tail.SetErr(&info)
	tailing, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- tail.ExecuteContext(tailing) }()
	t.Cleanup(func() { leave(); <-left })

	publish := func(text string) {
		t.Helper()
		if _, info, code := run(t, "", "publish", "alice", text); code != 0 {
			t.Fatalf("publish: %d %s", code, info)
		}
	}
	out.wait(t, `counts +\[0 unread`)
	publish("first")
	out.wait(t, `message +first +\[1 unread`)
	res, err := http.Post(url+"/v1/users/alice/disconnect", "application/json", nil)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("disconnect: %v, %v", res, err)
	}
	_ = res.Body.Close()
	publish("second")
	info.wait(t, `again in`)
	out.wait(t, `message +second +\[2 unread`)
	publish("third")
	out.wait(t, `message +third +\[3 unread`)
	for _, text := range []string{"first", "second", "third"} {
		if n := len(regexp.MustCompile(text).FindAllString(out.String(), -1)); n != 1 {
			t.Errorf("%s came %d times:\n%s", text, n, out.String())
		}
	}
	for _, args := range [][]string{{"tail", "alice", "--mqtt", "http://x"}, {"tail", "alice", "--mqtt", "mqtt://"}} {
		if _, info, code := run(t, "", args...); code == 0 || !strings.Contains(info, "is no URL for MQTT") {
			t.Errorf("%v: got exit code %d and %q", args, code, info)
		}
	}
}
