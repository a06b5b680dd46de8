//go:build unix

package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var campaignUsers = flag.Int("campaign.users", 8000, "TestCampaignKilled: how many")

// campaignRun is how a campaign stands.
type campaignRun struct {
	State   string `json:"state"`
	HeldOut int64  `json:"held_out"`
	Failed  int    `json:"failed"`
	Rounds  []struct {
		Users int `json:"users"`
	} `json:"rounds"`
	Arms []struct {
		Users  int64            `json:"users"`
		Funnel map[string]int64 `json:"funnel"`
	} `json:"arms"`
}

// TestCampaignKilled lets a campaign ask all users, with two arms and a holdout, while the
// server is killed several times: in the end each user has the message of one arm, once, or
// is held out, and the figures say so. With -v it also tells the rate and the peak of the
// server's memory.
func TestCampaignKilled(t *testing.T) {
	users, kills := *campaignUsers, 3
	if users > 100_000 {
		kills = 5
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	s := startProcess(t, "--set", "limits.requests_per_address=-1")
	file := filepath.Join(t.TempDir(), "users.ndjson")
	bad := writeUsers(t, file, users)
	if out, err := exec.Command(s.binary, "user", "import", file, "--url", s.url).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(string(out)))
	}
	t.Logf("%d users are there; %d lines were bad", users, bad)
	s.kill(t) // so that the memory is the campaign's
	s.start(t)
	s.approved(t, "spring", `{"to":{"all":true},"arms":[{"name":"a","message":{"title":"A"}},{"name":"b","message":{"title":"B"}}],"holdout":5}`)
	began := time.Now()
	s.mustPost(t, "/v1/campaigns/spring/start", "")
	peak, down := 0, time.Duration(0)
	for k := range kills {
		s.awaitAsked(t, users*(k+1)/(kills+2))
		peak = max(peak, peakMemory(s.cmd.Process.Pid))
		s.kill(t)
		at := time.Now()
		s.start(t)
		down += time.Since(at)
	}
	run := s.awaitAsked(t, -1)
	took := time.Since(began)
	peak = max(peak, peakMemory(s.cmd.Process.Pid))
	none, once, twice := judgeCampaign(t, s, users)
	asked := run.Arms[0].Users + run.Arms[1].Users
	accepted := run.Arms[0].Funnel["accepted"] + run.Arms[1].Funnel["accepted"]
	if twice > 0 || none != run.HeldOut || once != asked || accepted != asked || run.Failed != 0 || none+once != int64(users) {
		t.Errorf("of %d users %d have it, %d twice and %d not; the campaign says %+v", users, once, twice, none, run)
	}
	t.Logf("asked %d users in %v (%.0f a second; %v of it the server was down, killed %d times); peak memory of the server %d MiB",
		users, took.Round(time.Second), float64(users)/(took-down).Seconds(), down.Round(time.Second), kills, peak>>10)
}

// approved writes a campaign and has it approved.
func (s *process) approved(t *testing.T, id, text string) {
	t.Helper()
	r, err := http.NewRequest("PUT", s.url+"/v1/campaigns/"+id, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Hash string }
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil || res.StatusCode != 201 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	_ = res.Body.Close()
	s.mustPost(t, "/v1/campaigns/"+id+"/submit", "")
	s.mustPost(t, "/v1/campaigns/"+id+"/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v.Hash))
}

func (s *process) mustPost(t *testing.T, path, body string) {
	t.Helper()
	res, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("%s: %d", path, res.StatusCode)
	}
}

// awaitAsked waits until so many users were asked, or, with -1, until the campaign is done.
func (s *process) awaitAsked(t *testing.T, users int) campaignRun {
	t.Helper()
	return s.awaitRun(t, "spring", users)
}

func (s *process) awaitRun(t *testing.T, id string, users int) campaignRun {
	t.Helper()
	var c struct{ Run campaignRun }
	for end := time.Now().Add(20 * time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		_, body := get(t, http.DefaultClient, s.url+"/v1/campaigns/"+id)
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if c.Run.State == "done" || users >= 0 && len(c.Run.Rounds) > 0 && c.Run.Rounds[0].Users >= users {
			return c.Run
		}
	}
	t.Fatalf("the campaign does not go on: %+v", c.Run)
	return campaignRun{}
}

// judgeCampaign reads each user's journal: behind the event of the import it has one of the
// campaign, or none.
func judgeCampaign(t *testing.T, s *process, users int) (none, once, twice int64) {
	t.Helper()
	var next atomic.Int64
	var has [3]atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			for i := next.Add(1) - 1; i < int64(users) && !t.Failed(); i = next.Add(1) - 1 {
				_, body := get(t, c, s.url+"/v1/users/"+importedUser(int(i))+"/journal")
				has[min(2, strings.Count(body, `"kind":"accepted"`))].Add(1)
			}
			c.CloseIdleConnections()
		})
	}
	wg.Wait()
	return has[0].Load(), has[1].Load(), has[2].Load()
}
