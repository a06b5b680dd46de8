//go:build unix

package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var importUsers = flag.Int("import.users", 8000, "TestImportKilled: how many")

// TestImportKilled imports users by the program's own command, from a file in which some
// lines are bad, while the server is killed several times: none is missing, none is
// written twice, and each bad line is told once. With -v it also tells the rate and the peak of
// the server's memory.
func TestImportKilled(t *testing.T) {
	users, kills := *importUsers, 3
	if users > 100_000 {
		kills = 5
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	s := startProcess(t, "--set", "limits.requests_per_address=-1")
	file := filepath.Join(t.TempDir(), "users.ndjson")
	bad := writeUsers(t, file, users)

	var told, refused bytes.Buffer
	cmd := exec.Command(s.binary, "user", "import", file, "--url", s.url)
	cmd.Stdout, cmd.Stderr = &refused, &told
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ended := make(chan error, 1)
	over := make(chan struct{})
	go func() {
		ended <- cmd.Wait()
		close(over)
	}()
	peak, down := 0, time.Duration(0)
	for k := range kills {
		if !awaitUser(t, s, importedUser(users*(k+1)/(kills+1)), over) {
			t.Fatalf("the import ended after %d kills: %v\n%s", k, <-ended, tail(told.String()))
		}
		peak = max(peak, peakMemory(s.cmd.Process.Pid))
		s.kill(t)
		at := time.Now()
		s.start(t)
		down += time.Since(at)
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, tail(told.String()))
	}
	took := time.Since(began)
	peak = max(peak, peakMemory(s.cmd.Process.Pid))
	if want := fmt.Sprintf("done: %d lines, %d users written, %d lines bad", users+bad, users, bad); !strings.Contains(told.String(), want) {
		t.Errorf("got %s\nwant %s", tail(told.String()), want)
	}
	lines := map[int]bool{}
	for line := range strings.Lines(refused.String()) {
		var b struct{ Line int }
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines[b.Line] = true
	}
	job := regexp.MustCompile(`job (file-[0-9a-f]+)`).FindStringSubmatch(told.String())
	if job == nil {
		t.Fatal("no job is named")
	}
	_, kept := get(t, http.DefaultClient, s.url+"/v1/jobs/"+job[1])
	if n := strings.Count(kept, `"line":`); n != min(bad, 1000) || len(lines) > bad {
		t.Errorf("%d bad lines are kept, and %d were told, of %d", n, len(lines), bad)
	}
	judgeImport(t, s, users)
	t.Logf("imported %d users in %v (%.0f a second; %v of it the server was down, killed %d times); peak memory of the server %d MiB",
		users, took.Round(time.Second), float64(users)/(took-down).Seconds(), down.Round(time.Second), kills, peak>>10)
}

func importedUser(i int) string { return fmt.Sprintf("user-%07d", i) }

// writeUsers writes a file of users, and returns how many lines of it are bad.
func writeUsers(t *testing.T, name string, users int) (bad int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := bufio.NewWriter(f)
	for i := range users {
		fmt.Fprintf(b, `{"user":%q,"tags":["vip","t%d"],"attributes":{"city":"city-%d","level":%d,"paid":true},"locale":"zh-CN","zone":"Asia/Shanghai","follows":["news"]}`+"\n",
			importedUser(i), i%7, i%300, i%100)
		if i%500 == 250 {
			bad++
			fmt.Fprintf(b, `{"user":"bad-%d","zone":"Atlantis"}`+"\n", i)
		}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return bad
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	res, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(b)
}

// awaitUser waits until a user is written, and tells whether it is; over: what writes it
// has ended.
func awaitUser(t *testing.T, s *process, user string, over <-chan struct{}) bool {
	t.Helper()
	for end := time.Now().Add(20 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, body := get(t, http.DefaultClient, s.url+"/v1/users/"+user); strings.Contains(body, `"vip"`) {
			return true
		}
		select {
		case <-over:
			return false
		default:
		}
	}
	t.Fatalf("%s does not come", user)
	return false
}

// peakMemory returns the most memory that a process has had, in KiB; 0: it is not known.
func peakMemory(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return n
}

// judgeImport reads each user's journal: it has one event, which is the line's.
func judgeImport(t *testing.T, s *process, users int) {
	t.Helper()
	var next, missing, twice atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			for i := next.Add(1) - 1; i < int64(users) && !t.Failed(); i = next.Add(1) - 1 {
				_, body := get(t, c, s.url+"/v1/users/"+importedUser(int(i))+"/journal")
				switch n := strings.Count(body, `"seq":`); {
				case n == 0:
					missing.Add(1)
				case n > 1:
					twice.Add(1)
				}
			}
			c.CloseIdleConnections()
		})
	}
	wg.Wait()
	if m, n := missing.Load(), twice.Load(); m+n > 0 {
		t.Errorf("of %d users %d are missing, and %d were written twice", users, m, n)
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
