package app

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"reddot/cmd/internal/config"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A breakable disk fails every write and sync once it is broken.
func breakable(broken *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if broken.Load() {
				return syscall.ENOSPC
			}
		}
		return nil
	}))
}

// TestStoreFails has the store fail under a server. From then on it answers
// unavailable to every write and to every read that needs the store, says so on
// healthz and readyz, and tells its connections to come back.
func TestStoreFails(t *testing.T) {
	var broken atomic.Bool
	a, _ := startUnstopped(t, testConfig(t), forTests{files: breakable(&broken)})
	publish(t, a, "ann", "")
	publish(t, a, "bob", "")
	stream := openStream(t, a, "ann")
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := call(t, "GET", a.URL()+path, "", ""); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}

	broken.Store(true)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 3 { // repeats of one write: none may find what the others left
				status, body := keyedPublish(t, a, "carl", "the-key")
				if status != http.StatusServiceUnavailable {
					t.Errorf("a publish after the disk broke: %d %s", status, body)
				}
			}
		})
	}
	wait.Wait()
	select {
	case err := <-a.Failed():
		if !StoreFailed(err) || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "nothing that was acknowledged is lost: free some room") {
			t.Errorf("the server ends by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the server goes on")
	}
	for _, path := range []string{"/healthz", "/readyz", "/v1/users/carl/counts", "/v1/users/dora/counts", "/v1/users/bob/messages", "/v1/messages/01980e2b-6b3c-7c1e-a4b0-0123456789ab"} {
		if status, body := call(t, "GET", a.URL()+path, "", ""); status != http.StatusServiceUnavailable {
			t.Errorf("%s after the disk broke: %d %s", path, status, body)
		}
	}
	began := time.Now()
	a.Abort()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	if text := stream(); !strings.Contains(text, "drain") {
		t.Errorf("the stream was not told to come back: %q", text)
	}
}

// startUnstopped starts a server whose store is to fail, so that it can't be
// stopped in good order.
func startUnstopped(t *testing.T, cfg config.Config, f forTests) (*App, *logbook) {
	t.Helper()
	book := &logbook{}
	log, level := NewLog(cfg.Log, book)
	a := New(cfg, log, level)
	a.forTests = f
	if err := a.Start(t.Context()); err != nil {
		t.Fatalf("start: %v\n%s", err, book)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = a.Stop(ctx) // what it says was wanted
	})
	return a, book
}

// openStream opens an event stream, and returns what waits for its end and
// returns all that it has told.
func openStream(t *testing.T, a *App, user string) func() string {
	t.Helper()
	res, err := http.Get(a.URL() + "/v1/users/" + user + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(res.Body)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		defer res.Body.Close()
		all := first
		for {
			line, err := lines.ReadString('\n')
			if all += line; err != nil {
				return all
			}
		}
	}
}

func keyedPublish(t *testing.T, a *App, user, key string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+"/v1/users/"+user+"/messages", strings.NewReader(`{"title":"Hello"}`))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Idempotency-Key", key)
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("Idempotent-Replayed")
}
