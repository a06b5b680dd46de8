//go:build unix

package app_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Faults that users of other systems report, played on ours. Each test names the thread. The
// server is a process that dies (-9) at random moments, also in the middle of what is said to
// it; who gets no certain answer asks again under the same key. `make rivals` runs them.

// TestRivalStuckDelay: a worker that dies between "delayed" and "enqueued" leaves a message
// that nobody ever sends (novuhq/novu#12119). The time at which it is due is in the commit that
// accepts it.
func TestRivalStuckDelay(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	const messages = 12
	for i := range messages {
		p.ops.does("POST", "/v1/users/alice/messages", fmt.Sprintf(`{"title":"m%d","send_at":"2026-12-15T0%d:00:00Z"}`, i, 1+i%3), 201)
	}
	for hour, want := range []int{0, messages / 3, 2 * messages / 3, messages} {
		p.clockAt(fmt.Sprintf("2026-12-15T0%d:00:01Z", hour))
		p.eventually("what is due is there", func() bool { return p.unread("alice") == want })
	}
	p.eachOnce("alice", messages)
}

// TestRivalDigestMergedWithItself: a digest that is tried again finds itself, takes itself for
// another one, and is never delivered (novuhq/novu#12373).
func TestRivalDigestMergedWithItself(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/policies/batch", `{"on_passed":"digest","digest":{"window":"10m"}}`, 201)
	p.ops.does("POST", "/v1/users/alice/messages", `{"title":"alone","policy":{"name":"batch"}}`, 201)
	p.crash()
	p.clockAt("2026-12-15T00:10:01Z")
	p.crash()
	p.eventually("the digest is there", func() bool { return p.unread("alice") == 1 })
	p.digests("alice", 1)
}

// TestRivalDigestDoubled: two events within a second (novuhq/novu#2569), or one that was
// delayed (#1633), make two digests.
func TestRivalDigestDoubled(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/policies/batch", `{"on_passed":"digest","digest":{"window":"10m"}}`, 201)
	p.ops.does("POST", "/v1/users/alice/messages", `{"title":"delayed","send_at":"2026-12-15T00:01:00Z","policy":{"name":"batch"}}`, 201)
	p.ops.does("POST", "/v1/users/alice/messages", `{"title":"one","policy":{"name":"batch"}}`, 201)
	p.ops.does("POST", "/v1/users/alice/messages", `{"title":"two","policy":{"name":"batch"}}`, 201)
	p.clockAt("2026-12-15T00:01:01Z")
	p.crash()
	p.ops.does("GET", "/v1/users/alice/counts", "", 200)
	p.clockAt("2026-12-15T00:20:00Z")
	p.eventually("a digest is there", func() bool { return p.unread("alice") > 0 })
	p.crash()
	p.digests("alice", 3)
}

// TestRivalDigestCount: a digest of more than 300 events shows 350, and one too many
// (novuhq/novu#5380).
func TestRivalDigestCount(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/policies/batch", `{"on_passed":"digest","digest":{"window":"30m"}}`, 201)
	const events = 320
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, `{"to":{"user":"alice"},"title":"e%d","policy":{"name":"batch"},"idempotency_key":"e%d"}`+"\n", i, i)
	}
	for range 4 { // all of it comes again and again
		p.ops.batch(lines.String(), events)
		p.crash()
	}
	p.clockAt("2026-12-15T00:31:00Z")
	p.eventually("the digest is there", func() bool { return p.unread("alice") == 1 })
	p.digests("alice", events)
}

// TestRivalCountCapped: a count stops at 99 (novuhq/novu#7729).
func TestRivalCountCapped(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z", "--set", "inbox.messages=2000")
	const messages = 1234
	var lines strings.Builder
	for i := range messages {
		fmt.Fprintf(&lines, `{"to":{"user":"alice"},"title":"m%d","idempotency_key":"m%d"}`+"\n", i, i)
	}
	p.ops.batch(lines.String(), messages)
	p.crash()
	p.ops.batch(lines.String(), messages)
	if n := p.unread("alice"); n != messages {
		t.Errorf("the poll says %d", n)
	}
	_, out := p.ops.asks("GET", "/v1/users/alice/wait", "")
	if counts, _ := out["counts"].(map[string]any); counts["unread"] != float64(messages) {
		t.Errorf("the long poll says %v", out)
	}
	for name, path := range map[string]string{"SSE": "/stream", "the iframe": "/iframe"} {
		if text := p.ops.opening("/v1/users/alice" + path); !strings.Contains(text, fmt.Sprintf(`"unread":%d,`, messages)) && !strings.Contains(text, fmt.Sprintf(`\"unread\":%d,`, messages)) {
			t.Errorf("%s says %s", name, text)
		}
	}
	if text := p.ops.hello("alice"); !strings.Contains(text, fmt.Sprintf(`"unread":%d,`, messages)) {
		t.Errorf("WebSocket says %s", text)
	}
}

// TestRivalDoubledInBurst: the same thing that is said in a burst is done twice
// (novuhq/novu#5308).
func TestRivalDoubledInBurst(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	var senders sync.WaitGroup
	for range 30 {
		senders.Go(func() {
			for range 10 {
				if status, _, err := p.ops.ask("POST", "/v1/users/alice/messages", `{"title":"once"}`, "burst"); err == nil && status == 201 {
					return
				}
			}
		})
	}
	p.kill()
	senders.Wait()
	p.server.start(t)
	if status, _, err := p.ops.ask("POST", "/v1/users/alice/messages", `{"title":"once"}`, "burst"); err != nil || status != 201 {
		t.Errorf("got %d, %v", status, err)
	}
	p.eachOnce("alice", 1)
}

// TestRivalQuietHoursInSummer: quiet hours that are saved as UTC are off by an hour all summer
// (henrygd/beszel#1825).
func TestRivalQuietHoursInSummer(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/policies/calm", `{"caps":[{"max":100,"per":"24h"}]}`, 201)
	p.ops.does("PUT", "/v1/users/alice", `{"zone":"Europe/Berlin"}`, 200)
	p.ops.does("PUT", "/v1/users/alice/preferences", `{"quiet_hours":{"from":"22:00","to":"07:00"}}`, 200)
	for _, day := range []string{"2026-12-15T%s:00+01:00", "2027-07-15T%s:00+02:00"} {
		for _, at := range []struct{ clock, outcome string }{{"06:59", "held"}, {"07:00", "delivered"}, {"21:59", "delivered"}, {"22:00", "held"}, {"23:30", "held"}} {
			p.clockAt(fmt.Sprintf(day, at.clock))
			p.crash()
			out := p.ops.does("POST", "/v1/users/alice/messages", `{"title":"x","policy":{"name":"calm"}}`, 201)
			if out["outcome"] != at.outcome {
				t.Errorf("at %s it is %v, want %s", fmt.Sprintf(day, at.clock), out["outcome"], at.outcome)
			}
		}
		p.clockAt(strings.Replace(fmt.Sprintf(day, "07:00"), "-15T", "-16T", 1))
		p.crash()
		p.eventually("all of the day is there", func() bool { return p.unread("alice") == 5 })
		p.eachOnce("alice", 5) // those of the winter are too old in summer
	}
}

// TestRivalZoneNotSent: what should come at 19:00 comes at 14:00, because nobody has sent the
// zone (OneSignal/OneSignal-Android-SDK#1829). The zone is the user's, wherever it was said.
func TestRivalZoneNotSent(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/policies/evening", `{"on_passed":"digest","digest":{"at":"19:00"}}`, 201)
	p.ops.does("PUT", "/v1/users/kathmandu", `{"zone":"Asia/Kathmandu"}`, 200)
	p.ops.does("PUT", "/v1/users/nowhere", `{}`, 200)
	for _, user := range []string{"kathmandu", "nowhere"} {
		p.ops.does("POST", "/v1/users/"+user+"/messages", `{"title":"x","policy":{"name":"evening"}}`, 201)
	}
	p.clockAt("2026-12-15T18:59:50+05:45")
	p.crash()
	if n := p.unread("kathmandu"); n != 0 {
		t.Errorf("%d unread before 19:00", n)
	}
	p.clockAt("2026-12-15T19:00:01+05:45")
	p.eventually("the evening's digest is there", func() bool { return p.unread("kathmandu") == 1 })
	if n := p.unread("nowhere"); n != 0 {
		t.Errorf("who has no zone has %d unread before 19:00 UTC", n)
	}
	p.clockAt("2026-12-15T19:00:01Z")
	p.eventually("the digest of who has no zone is there", func() bool { return p.unread("nowhere") == 1 })
}

// TestRivalPreviewUnequalToSent: a preview says another number than what is sent
// (segment-boneyard/segment-docs#7365).
func TestRivalPreviewUnequalToSent(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	p.ops.does("PUT", "/v1/segments/vips", `{"where":"'vip' in tags && attributes.level >= 3"}`, 201)
	const users = 40
	for i := range users {
		p.ops.does("PUT", fmt.Sprint("/v1/users/u", i), fmt.Sprintf(`{"tags":[%q],"attributes":{"level":%d}}`, []string{"vip", "new"}[i%2], i%7), 200)
	}
	out := p.ops.does("GET", "/v1/segments/vips/preview", "", 200)
	previewed := out["count"].(float64)
	p.crash()
	p.ops.does("POST", "/v1/messages", `{"to":{"segment":"vips"},"title":"x"}`, 202)
	sent := 0.0
	for i := range users {
		sent += float64(p.unread(fmt.Sprint("u", i)))
	}
	if sent != previewed || sent == 0 {
		t.Errorf("the preview says %v, and %v have it", previewed, sent)
	}
}

// TestRivalLargeAudience: a topic's subscribers are loaded into memory (novuhq/novu#2799), and
// 500,000 end the worker (appwrite/appwrite#12465). Memory is that of a page, for 3,000 users
// and for 18,000.
func TestRivalLargeAudience(t *testing.T) {
	p := startProcess(t, "--set", "limits.requests_per_address=-1")
	peak := [2]int{}
	for i, users := range []int{3000, 18_000} {
		file := filepath.Join(t.TempDir(), "users.ndjson")
		writeUsers(t, file, users)
		if out, err := exec.Command(p.binary, "user", "import", file, "--url", p.url).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, tail(string(out)))
		}
		id := fmt.Sprint("to-", users)
		p.approved(t, id, `{"to":{"all":true},"arms":[{"name":"a","message":{"title":"A"}},{"name":"b","message":{"title":"B"}}]}`)
		p.kill(t) // so that the memory is the campaign's
		p.start(t)
		p.mustPost(t, "/v1/campaigns/"+id+"/start", "")
		run := p.awaitRun(t, id, -1)
		peak[i] = peakMemory(p.cmd.Process.Pid)
		if got := run.Arms[0].Users + run.Arms[1].Users; got != int64(users) {
			t.Errorf("%d of %d users were asked", got, users)
		}
	}
	t.Logf("peaks %d and %d MiB", peak[0]>>10, peak[1]>>10)
	if peak[1] > peak[0]*2 {
		t.Errorf("six times the users take %d MiB, and not %d", peak[1]>>10, peak[0]>>10)
	}
}

// TestRivalStartedTwice: what is sent again is taken by two workers, and comes twice
// (department-of-veterans-affairs/notification-api#2473).
func TestRivalStartedTwice(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	const users = 20
	for i := range users {
		p.ops.does("PUT", fmt.Sprint("/v1/users/u", i), `{}`, 200)
	}
	p.ann.does("PUT", "/v1/campaigns/spring", `{"to":{"all":true},"pace":1000,"message":{"title":"once"}}`, 201)
	p.ann.does("POST", "/v1/campaigns/spring/submit", "", 200)
	p.ben.does("POST", "/v1/campaigns/spring/approve", p.reviewed("campaigns", "spring", 1), 200)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { _, _, _ = p.ben.ask("POST", "/v1/campaigns/spring/start", "", fmt.Sprint("operator-", i)) })
	}
	p.kill()
	wg.Wait()
	p.server.start(t)
	if status, out := p.ben.asks("POST", "/v1/campaigns/spring/start", ""); status != http.StatusOK && status != http.StatusConflict {
		t.Fatalf("got %d %v", status, out)
	}
	p.becomes("done")
	for i := range users {
		p.eachOnce(fmt.Sprint("u", i), 1)
	}
}

// TestRivalCronInGap: a time that daylight saving leaves out is left out by cron, too, and one
// that comes twice is done twice (robfig/cron#541).
func TestRivalCronInGap(t *testing.T) {
	p := newStage(t, "2027-03-27T12:00:00+01:00")
	p.ops.does("PUT", "/v1/users/alice", `{}`, 200)
	p.ann.does("PUT", "/v1/campaigns/spring", `{"to":{"all":true},"schedule":{"cron":"30 2 * * *","zone":"Europe/Berlin"},"message":{"title":"nightly"}}`, 201)
	p.ann.does("POST", "/v1/campaigns/spring/submit", "", 200)
	p.ben.does("POST", "/v1/campaigns/spring/approve", p.reviewed("campaigns", "spring", 1), 200)
	p.ben.does("POST", "/v1/campaigns/spring/start", "", 200)
	p.clockAt("2027-03-28T01:59:50+01:00")
	p.crash()
	if n := p.unread("alice"); n != 0 {
		t.Errorf("%d unread before the gap", n)
	}
	p.clockAt("2027-03-28T03:00:01+02:00") // 02:30 does not exist; it is the first instant after the gap
	p.eventually("the night's message is there", func() bool { return p.unread("alice") == 1 })
	p.crash()
	p.clockAt("2027-03-28T12:00:00+02:00")
	p.eachOnce("alice", 1)
	p.clockAt("2027-10-30T12:00:00+02:00")
	p.crash()
	p.eventually("what was missed is made up for once", func() bool { return p.unread("alice") == 1 }) // that of March is too old
	for at, want := range map[string]int{"2027-10-31T02:30:01+02:00": 2, "2027-10-31T02:30:01+01:00": 2} {
		p.clockAt(at)
		p.eventually("the night's message is there", func() bool { return p.unread("alice") == want })
	}
	p.crash()
	p.eachOnce("alice", 2)
}

// TestRivalDeviceDoubled: a login makes a second subscription, and each push comes twice
// (OneSignal/react-native-onesignal#1964). A device belongs to who registered it last.
func TestRivalDeviceDoubled(t *testing.T) {
	p := newStage(t, "2026-12-15T00:00:00Z")
	const device = `{"addresses":{"apns":[{"token":"00aa11bb22cc33dd44ee55ff66778899","topic":"com.example.app"}]}}`
	for _, user := range []string{"alice", "bob", "alice", "bob"} {
		p.ops.does("PATCH", "/v1/users/"+user, device, 200)
		p.crash()
	}
	has := func(user string) bool {
		_, out := p.ops.asks("GET", "/v1/users/"+user, "")
		return strings.Contains(fmt.Sprint(out["addresses"]), "00aa11bb")
	}
	p.eventually("Bob alone has it", func() bool { return has("bob") && !has("alice") })
}
