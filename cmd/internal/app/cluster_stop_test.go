//go:build unix

package app

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAllStopAtOnce sends SIGTERM to all servers of a cluster at once: each ends
// in good order, with 0.
func TestAllStopAtOnce(t *testing.T) {
	binary := Binary(t)
	url := newDatabase(t)
	const servers = 3
	var cmds []*exec.Cmd
	var logs []*bytes.Buffer
	var urls []string
	for range servers {
		addr := FreeAddr(t)
		log := &bytes.Buffer{}
		cmd := exec.Command(binary, "serve", "--dev", "--http", addr, "--cluster-bind", "127.0.0.1:0", "--set", "stop.drain=0s", "--set", "stop.timeout=20s")
		cmd.Env = append(os.Environ(), "REDDOT_STORE_URL="+url, "REDDOT_CLUSTER_KEY="+strings.Repeat("ab", 32))
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		cmds, logs, urls = append(cmds, cmd), append(logs, log), append(urls, "http://"+addr)
	}
	for i, u := range urls {
		for late := time.Now().Add(2 * patience); ; time.Sleep(10 * time.Millisecond) {
			res, err := http.Get(u + "/readyz")
			if err == nil {
				_ = res.Body.Close()
			}
			if err == nil && res.StatusCode == http.StatusOK {
				break
			}
			if time.Now().After(late) {
				t.Fatalf("server %d is not ready: %v", i, err)
			}
		}
	}
	for i := range 30 {
		status, body := call(t, "POST", fmt.Sprintf("%s/v1/users/user%d/messages", urls[i%servers], i), "", `{"title":"x"}`)
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
	}
	began := time.Now()
	for _, cmd := range cmds {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("server %d: %v\n%s", i, err, logs[i])
		}
	}
	t.Logf("they ended within %v", time.Since(began).Round(time.Millisecond))
}
