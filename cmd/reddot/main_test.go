package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"reddot/cmd/internal/client"
)

// A screen is an output that a test can read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// wait waits until the screen shows what matches, and returns that.
func (s *screen) wait(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindString(s.String()); m != "" {
			return m
		}
	}
	t.Fatalf("no %s in:\n%s", pattern, s)
	return ""
}

// run runs a command line and returns its outputs and exit code.
func run(t *testing.T, in string, args ...string) (out, info string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(in))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	code = report(&stderr, root.ExecuteContext(ctx))
	return stdout.String(), stderr.String(), code
}

func TestPasswd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	for _, c := range []struct {
		in   string
		args []string
		says string
		code int
	}{
		{"", []string{"list"}, "name the file", exitUsage},
		{"", []string{"list", "--file", file}, "no such file", exitFailed},
		{"open sesame\n", []string{"set", "lamp", "--file", file}, "added lamp, which acts as the user lamp of the app default", exitOK},
		{"open sesame\r\n", []string{"set", "shop/scale", "--user", "alice", "-f", file}, "added shop/scale, which acts as the user alice of the app shop", exitOK},
		{"open barley", []string{"set", "shop/scale", "-f", file}, "changed shop/scale, which acts as the user alice", exitOK},
		{"short\n", []string{"set", "lamp", "-f", file}, "it needs 8 to 1024", exitFailed},
		{strings.Repeat("x", 1025), []string{"set", "lamp", "-f", file}, "it needs 8 to 1024", exitFailed},
		{"open sesame", []string{"set", "la/mp/", "-f", file}, "user name", exitFailed},
		{"", []string{"set", "lamp", "open sesame", "-f", file}, "", exitUsage},
		{"", []string{"remove", "bulb", "-f", file}, "bulb is not in", exitFailed},
		{"", []string{"remove", "lamp", "-f", file}, "removed lamp", exitOK},
	} {
		_, info, code := run(t, c.in, append([]string{"passwd"}, c.args...)...)
		if code != c.code || !strings.Contains(info, c.says) || strings.Contains(info, "sesame") && c.in != "" {
			t.Errorf("%q: exit code %d, %s; want %d, %q", c.args, code, info, c.code, c.says)
		}
	}
	out, _, code := run(t, "", "passwd", "list", "-f", file)
	if code != exitOK || strings.Join(strings.Fields(out), " ") != "NAME APP USER shop/scale shop alice" {
		t.Errorf("list: exit code %d, %s", code, out)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "barley") || !strings.HasPrefix(string(text), "shop/scale:$argon2id$v=19$m=7168,t=5,p=1$") {
		t.Errorf("got %s, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
}

// TestStory is what a newcomer does, with one server and all its signals.
func TestStory(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "reddot.yaml")
	if err := os.WriteFile(file, []byte("log: {level: info}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, log screen
	root := newRoot()
	root.SetArgs([]string{"serve", "--dev", "--http", "127.0.0.1:0", "--data", data, "--config", file})
	root.SetOut(&stdout)
	root.SetErr(&log)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(t.Context()) }()
	url := stdout.wait(t, `http://127\.0\.0\.1:\d+`)
	t.Setenv("REDDOT_URL", url)

	for _, step := range []struct {
		in   string
		args string
		want string
		code int
	}{
		{"", "publish alice Hello --category order", "1 unread, 1 unseen (order 1)", 0},
		{"from a pipe\n", "publish alice - --idempotency-key k --json", `"unread":2`, 0},
		{"from a pipe\n", "publish alice - --idempotency-key k --json", `"unread":2`, 0},
		{"", "publish --to users:alice,bob both", "for 2 users", 0},
		{"", "counts bob", "1 unread, 1 unseen (default 1)", 0},
		{"", "inbox alice --category order", "unseen  order  Hello", 0},
		{"", "key create --scopes read --name reader", "rk_", 0},
		{"", "key list", "reader", 0},
		{"", "audit --since 1h", "key.create", 0},
		{"", "segment put vips 'vip'", "this is a string, and not yes or no", 1},
		{"", "segment put vips 'vip'==locale", "vips is at version 1", 0},
		{"'vip' in tags\n", "segment put vips -", "vips is at version 2", 0},
		{"", "segment list", "'vip' in tags", 0},
		{"", "segment get vips", "'vip' in tags\n", 0},
		{"", "segment get vips --version 1 --json", `"where":"'vip'==locale"`, 0},
		{"", "segment rm vips", "deleted vips", 0},
		{"", "segment get vips", "there is no segment vips", 1},
		{`{"names":{"en":"Orders"},"locked":true}`, "category put order -", "order is at version 1", 0},
		{"", "category list", "locked  en: Orders", 0},
		{"", "category put order {}x", "invalid", 1},
		{"", "category rm order", "deleted order", 0},
		{`{"caps":[{"max":3,"per":"24h"}]}`, "policy put promo -", "promo is at version 1", 0},
		{"", "policy list", `{"caps":[{"max":3,"per":"24h"}]}`, 0},
		{"", "policy get promo", "{\"caps\":[{\"max\":3,\"per\":\"24h\"}]}\n", 0},
		{"", "policy get promo --version 1 --json", `"version":1,"updated_at"`, 0},
		{"", "policy put promo {}", "the policy is empty", 1},
		{"", "policy simulate promo carl dora --message {\"title\":\"x\"}", "dora  delivered", 0},
		{"", "policy simulate promo alice --days 7", "order     delivered  delivered", 0},
		{`{"caps":[{"max":1}]}`, "policy simulate promo alice --days 7 --rules -", "rules.caps[0].per", 1},
		{"", "policy simulate promo alice", "message: it is missing", 1},
		{"", "deny put carl --category promo --reason phoned --for 1h", "deny: carl", 0},
		{"", "deny list carl", "phoned", 0},
		{"", "policy simulate promo carl --message {\"title\":\"x\",\"category\":\"promo\"}", "carl  filtered  deny", 0},
		{"", "deny rm carl --category promo", "deny no more: carl", 0},
		{"", "deny list carl --json", "[]", 0},
		{"", "allow put carl", "allow: carl", 0},
		{"", "allow list carl", "all       all      -", 0},
		{"", "policy rm promo", "deleted promo", 0},
		{"", "policy get promo", "there is no policy promo", 1},
		{`{"caps":[{"max":3}]}`, "policy check -", "caps[0].per", 1},
		{`{"caps":[{"max":3,"per":"24h"}]}`, "policy check -", "the policy is good", 0},
		{`{"content":{"en":{"inapp":{"title":"Hi {{ naem }}"}}},"locale":"en"}`, "template put hello -", "content.en.inapp.title: line 1, column 4: there is no variable", 1},
		{`{"content":{"en":{"inapp":{"title":"Hi {{ who }}"}}},"locale":"en","variables":{"who":{"type":"string"}}}`, "template put hello -", "hello version 1 is draft, hash 0cc38bf4fca9", 0},
		{"", "template list", "hello  -     1       draft", 0},
		{"", "template get hello", `"title": "Hi {{ who }}"`, 0},
		{"", "template preview hello --data {\"who\":\"Ann\"} --json", `"title":"Hi Ann"`, 0},
		{"", "template preview hello --data x", "--data is no JSON", 2},
		{"", "template test-send hello alice --data {\"who\":\"Ann\"}", "the tag \"tester\"", 4},
		{"", "template publish hello 1", "version 1 is draft, not approved", 1},
		{"", "template submit hello", "hello version 1 is in_review", 0},
		{"", "template approve hello 1 0cc38bf4", "hello version 1 is approved", 0},
		{"", "template approve hello 1 00000000", "has another hash", 1},
		{"", "template approve hello 1 0cc38b", "write at least 8", 2},
		{"", "template publish hello one", "write a version's number", 2},
		{"", "template publish hello 1", "hello version 1 is live", 0},
		{"", "publish dora --template hello --variables {\"who\":\"Dora\"}", "1 unread, 1 unseen", 0},
		{"", "publish dora --template hello --template-version 2", "no version 2", 1},
		{"", "publish dora --template hello --variables x", "--variables is no JSON", 2},
		{"", "publish dora Text --template hello", "takes USER", 2},
		{"", "inbox dora", "Hi Dora", 0},
		{`{"content":{"en":{"inapp":{"title":"Hello {{ who }}"}}},"locale":"en","variables":{"who":{"type":"string"}}}`, "template put hello -", "hello version 2 is draft", 0},
		{"", "template diff hello", "content.en.inapp.title\n  - Hi {{ who }}\n  + Hello {{ who }}\n", 0},
		{"", "template submit hello 2", "in_review", 0},
		{"", "template reject hello 2 Longer", "hello version 2 is rejected", 0},
		{"", "template versions hello", "rejected  ", 0},
		{"", "template rollback hello", "no other version was live", 1},
		{"", "template archive hello", "archived hello", 0},
		{"city == 'Shanghai'", "segment check -", "line 1, column 1: there is no \"city\"", 1},
		{"", "segment check true --url x", "unknown flag", 2},
		{"", "segment check true", "the expression is good", 0},
		{"", "audit --action key.create --json", `"actor":"dev"`, 0},
		{"", "audit --action silly", "action: it must be one of key.create", 1},
		{"", "publish alice x --idempotency-key=", "--idempotency-key is empty", 2},
		{"", "publish alice", "takes USER TEXT; there is 1 argument", 2},
		{"", "publish alice x --priority silly", "priority: ", 1},
		{"", "tail alice --transport pigeon", "there are sse, ws and longpoll", 2},
		{"", "key create --data " + data, "in use by process", 1},
		{`{"tags":["vip"],"attributes":{"city":"Shanghai","level":3}}`, "user set alice -", `"city":"Shanghai"`, 0},
		{`{"attributes":{"city":null}}`, "user set alice -", `"attributes":{"level":3}`, 0},
		{`{"zone":"Mars/Base"}`, "user set alice -", "zone: there is no such zone", 1},
		{`{"tags":["new"]}`, "user set alice - --replace", `{"tags":["new"],"attributes":{}`, 0},
		{`{"categories":{"order":{"sms":false}}}`, "user set alice - --preferences", `"sms":false`, 0},
		{"", "user set alice /nowhere/file.json", "no such file", 1},
		{"", "user get alice", `"tags":["new"]`, 0},
		{"", "user get alice --preferences", `"sms":false`, 0},
		{"", "user get alice --follows", `{"follows":[]}`, 0},
		{"", "user export alice", `"body":"Hello"`, 0},
		{"", "user export alice", `"tags":["new"]`, 0},
		{"", "publish alice Maybe --dry-run", "would be accepted  delivered  4 unread", 0},
		{"", "publish alice Maybe --dry-run --json", `{"dry_run":true,"outcome":"delivered"`, 0},
		{"from a pipe\n", "publish alice - --dry-run --idempotency-key k", "nothing new: the key has published 0", 0},
		{"", "publish --to users:alice,bob Maybe --dry-run", "would be accepted  for 2 users\nalice  delivered  4 unread", 0},
		{"", "publish --to all Maybe --dry-run", "would be accepted", 0},
		{"", "publish --to segment:none Maybe --dry-run", "there is no segment none", 1},
		{"", "counts alice", "3 unread", 0},
		{"", "list add beta alice", "put 1 user into beta", 0},
		{"bob\n\n{\"user\":\"carol\"}\nno user\n{\"user\":7}\n", "list add beta -f -", `{"line":4,"user":"no user","code":"invalid"`, 1},
		{"{}\n", "list add beta -f -", `it names no user; write a name, or {\"user\":\"NAME\"}`, 1},
		{"", "list add beta -f /nowhere/users", "no such file", 1},
		{"", "list add beta", "name users, or a file of them with --file", 2},
		{"", "list add", "reddot list add takes NAME [USER…]; there are 0 arguments", 2},
		{"", "list count beta", "3\n", 0},
		{"", "list count beta --json", `{"count":3}`, 0},
		{"", "list get beta --json", `{"user":"carol"}`, 0},
		{"", "publish --to list:beta Try", "\n", 0},
		{"", "list remove beta bob nobody", "took 2 users out of beta", 0},
		{"", "list get beta", "alice\n", 0},
		{"", "list rm beta", "took 2 users out of beta", 0},
		{"", "list count beta", "0\n", 0},
		{"", "list count not/a/name", "name: it has 1 to 64 characters", 1},
		{"", "keywords add rude --action mask damn Darn", "rude: 2 added, 0 changed, 0 removed", 0},
		{"free money\n\n{\"word\":\"darn\",\"action\":\"allow\"}\n", "keywords add rude -f -", "rude: 1 added, 1 changed, 0 removed", 0},
		{"{}\n", "keywords add rude -f -", "line 1 names no word", 1},
		{"", "keywords add rude", "name words, or a file of them with --file", 2},
		{"", "keywords add rude ***", "element 1: word: it has no letter", 1},
		{"", "keywords add rude x --action kill", "it must be block, mask, review or allow", 1},
		{"", "keywords list", "rude  3 ", 0},
		{"", "keywords list rude", "block   free money\n", 0},
		{"", "keywords list rude --json", `{"word":"darn","action":"allow"}`, 0},
		{"oh, D.A.M.N!", "keywords test rude -", "mask  rude  damn, at 4, 7 characters\noh, *******!\n", 0},
		{"", "keywords test rude damn --all --json", `"count":1,"text":"****"`, 0},
		{"say damn\n", "publish alice -", "", 0},
		{"", "inbox alice", "say ****", 0},
		{"free money", "publish alice -", "filtered", 0},
		{"free money", "publish alice - --dry-run --json", "body: the keyword list rude blocks what it says at character 1", 0},
		{"free money", "publish --to all -", "the keyword list rude blocks what it says at character 1", 1},
		{"", "keywords remove rude damn none", "rude: 0 added, 0 changed, 1 removed", 0},
		{"", "keywords rm rude", "deleted rude", 0},
		{"", "keywords rm rude", "there is no keyword list rude", 1},
		{"", "user export", `"lists":[]}` + "\n", 0},
		{"", "user export --format csv", "user,locale,zone,tags", 0},
		{"", "user export --format xml", "there are ndjson and csv", 2},
		{"", "user export alice --format csv", "one is a JSON object", 2},
		{"", "user export -o " + filepath.Join(data, "users.ndjson"), "", 0},
		{"", "user import " + filepath.Join(data, "users.ndjson"), "0 lines bad", 0},
		{"", "user export -o " + filepath.Join(data, "nowhere", "users.ndjson"), "no such file", 1},
		{"", "user erase alice", "it can't be undone: say --yes", 2},
		{"", "user erase alice --yes", "", 0},
		{"", "counts alice", "0 unread", 0},
		{"", "user get alice", `"tags":[]`, 0},
		{"", "explain alice 01980e2b-6b3c-7c1e-a4b0-0123456789ab", "which reaches back to event", 1},
		{"", "recipients 01980e2b-6b3c-7c1e-a4b0-0123456789ab", "there is no such message", 1},
		{"", "trace --user alice --for 1s", "tracing", 0},
		{"", "trace --topic news --for 1s --json", `{"type":"end","why":"time"`, 0},
		{"", "trace --topic news --user alice", "give one of --user, --connection, --message, --topic, --campaign", 2},
		{"", "recipients x --state read", "a message's id looks like", 1},
		{"", "explain alice --campaign none", "was not started", 1},
		{"", "explain alice", "give a message, or --campaign", 2},
		{"", "explain alice nothing", "message: it must be a message's id", 1},
		{"", "version", "reddot ", 0},
	} {
		out, info, code := run(t, step.in, strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out+info, step.want) {
			t.Errorf("%s: got exit code %d and %q %q, want %d and %q", step.args, code, out, info, step.code, step.want)
		}
	}

	if err := os.WriteFile(file, []byte("log: {level: debug}\npprof: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, syscall.SIGHUP)
	log.wait(t, `configuration reloaded" changed=log.level`)
	log.wait(t, `need a restart" settings=pprof`)
	if err := os.WriteFile(file, []byte("lgo: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, syscall.SIGHUP)
	log.wait(t, `not reloaded.*did you mean log`)

	kill(t, syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("the server does not end:\n%s", &log)
	}
	if _, info, code := run(t, "", "counts", "alice"); code != exitUnavailable || !strings.Contains(info, "is reddot serve running") {
		t.Errorf("without a server: got exit code %d and %q", code, info)
	}
}

// kill sends the signal to this process, whose server takes it.
func kill(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	out, _, code := run(t, "", "check", "--set", "inbox.messages=5", "--set", "token.secret=0123456789abcdef0123456789abcdef")
	if code != 0 || !strings.Contains(out, "messages: 5") || strings.Contains(out, "0123456789") {
		t.Errorf("got exit code %d and %s", code, out)
	}
	if _, info, code := run(t, "", "check", "--http", "nowhere", "--set", "x=1"); code != exitUsage || !strings.Contains(info, "there is no setting x") {
		t.Errorf("got exit code %d and %s", code, info)
	}
	file := filepath.Join(t.TempDir(), "reference.yaml")
	out, _, _ = run(t, "", "check", "--reference")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, info, code := run(t, "", "check", "-q", "-c", file); code != 0 {
		t.Errorf("the reference is refused: %s", info)
	}
}

func TestTokenIssue(t *testing.T) {
	if _, info, code := run(t, "", "token", "issue", "alice"); code != exitFailed || !strings.Contains(info, "REDDOT_TOKEN_SECRET") {
		t.Errorf("without a secret: got exit code %d and %s", code, info)
	}
	t.Setenv("REDDOT_TOKEN_SECRET", strings.Repeat("x", 32))
	if out, info, code := run(t, "", "token", "issue", "alice", "--ttl", "1d"); code != 0 || strings.Count(out, ".") != 2 {
		t.Errorf("got exit code %d, %q %q", code, out, info)
	}
}

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		want string
	}{
		{nil, exitOK, ""},
		{errors.New("x"), exitFailed, "reddot: x\n"},
		{usageError{errors.New("x"), "reddot tail"}, exitUsage, "reddot: x\nsee reddot tail --help\n"},
		{fmt.Errorf("a: %w", &client.Problem{Status: 401, Detail: "no"}), exitRefused, "reddot: a: no\ngive a server key or a user's token with --key or REDDOT_KEY\n"},
		{&client.Problem{Status: 403, Detail: "no"}, exitRefused, "reddot: no\n"},
		{&client.Problem{Status: 503, Detail: "busy", RetryAfter: time.Second}, exitUnavailable, "reddot: busy\ntry again in 1s\n"},
		{&client.Problem{Status: 404, Detail: "gone"}, exitFailed, "reddot: gone\n"},
		{context.Canceled, exitInterrupted, ""},
	} {
		var b bytes.Buffer
		if code := report(&b, tt.err); code != tt.code || b.String() != tt.want {
			t.Errorf("%v: got %d %q, want %d %q", tt.err, code, b.String(), tt.code, tt.want)
		}
	}
}

func TestMessageLineIsHarmless(t *testing.T) {
	got := messageLine(client.Message{Title: "a\x1b[2J", Body: "b\nc\u0085d\r"})
	if want := "a[2J: b cd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
