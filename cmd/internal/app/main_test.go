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

// built is the program, for tests that start it as a process.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Binary builds the program once for all tests, and returns its file.
func Binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "reddot"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "reddot"), "reddot/cmd/reddot").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal("build:", built.err)
	}
	return filepath.Join(built.dir, "reddot")
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
