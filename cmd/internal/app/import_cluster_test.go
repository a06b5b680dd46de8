package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"reddot/cmd/internal/app"
)

// TestImportTakenUp kills for good the server of two that works on an import. What stands
// before them leads the program's own command to the other one, which goes on with the job
// where its record says: no user is missing, none is written twice.
func TestImportTakenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	const users = 3000
	db := app.StartDatabase(t)
	var all []*process
	for range 2 {
		s := newProcess(t)
		s.args = []string{"--store", db.URL(), "--cluster-bind", "127.0.0.1:0", "--set", "limits.requests_per_address=-1"}
		s.start(t)
		all = append(all, s)
	}
	to := &atomic.Pointer[string]{}
	to.Store(&all[0].addr)
	file := filepath.Join(t.TempDir(), "users.ndjson")
	bad := writeUsers(t, file, users)

	var told bytes.Buffer
	cmd := exec.Command(all[0].binary, "user", "import", file, "--url", "http://"+lead(t, to))
	cmd.Stdout, cmd.Stderr = io.Discard, &told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	over := make(chan struct{})
	var ended error
	go func() {
		ended = cmd.Wait()
		close(over)
	}()
	if !awaitUser(t, all[0], importedUser(users/3), over) {
		t.Fatalf("the import ended before its server: %v\n%s", ended, tail(told.String()))
	}
	to.Store(&all[1].addr)
	all[0].kill(t)
	if <-over; ended != nil {
		t.Fatalf("%v\n%s\n%s", ended, tail(told.String()), tail(all[1].out.String()))
	}
	if want := fmt.Sprintf("done: %d lines, %d users written, %d lines bad", users+bad, users, bad); !strings.Contains(told.String(), want) || !strings.Contains(told.String(), "goes on") {
		t.Errorf("got %s\nwant %s, after it went on", tail(told.String()), want)
	}
	judgeImport(t, all[1], users)
}

// lead takes connections, leads each to where one is to go at that time, and returns its
// address.
func lead(t *testing.T, to *atomic.Pointer[string]) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", *to.Load())
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1]) // it ends with either of them
					_, _ = in.Close(), out.Close()
				}()
			}
		}
	}()
	return l.Addr().String()
}
