package app

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"reddot/actors/store/pgserver"
)

// TestMain lets the tests' clients take the certificates that tests make, and
// removes the program that they have built.
func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).TLSClientConfig = trusting()
	m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
}

// built is the program, for tests that start it as a process: as it is, and with faults that
// can be injected.
var built struct {
	once, faults sync.Once
	dir          string
	err          error
}

// build builds the program into the folder that tests share.
func build(name string, flags ...string) {
	if built.dir == "" {
		if built.dir, built.err = os.MkdirTemp("", "reddot"); built.err != nil {
			return
		}
	}
	args := append(append([]string{"build"}, flags...), "-o", filepath.Join(built.dir, name), "reddot/cmd/reddot")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		built.err = fmt.Errorf("%w\n%s", err, out)
	}
}

// Binary builds the program once for all tests, and returns its file.
func Binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() { build("reddot") })
	if built.err != nil {
		t.Fatal("build:", built.err)
	}
	return filepath.Join(built.dir, "reddot")
}

// FaultsBinary is Binary, with faults that can be injected: its wall clock can be set.
func FaultsBinary(t *testing.T) string {
	t.Helper()
	built.faults.Do(func() { build("reddot-faults", "-tags", "faults") })
	if built.err != nil {
		t.Fatal("build:", built.err)
	}
	return filepath.Join(built.dir, "reddot-faults")
}

// FreeAddr returns an address for a server that is a process, and is started on
// it again.
func FreeAddr(t *testing.T) string {
	t.Helper()
	port, err := pgserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
