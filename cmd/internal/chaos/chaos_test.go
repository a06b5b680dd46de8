//go:build linux

package chaos

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if status, inside := Inside(); inside {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// TestShortStorm is the short form of make chaos.
func TestShortStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the storm takes half a minute")
	}
	if err := able(); err != nil {
		t.Skip(err)
	}
	cfg := Config{Binary: filepath.Join(t.TempDir(), "reddot"), Seed: uint64(time.Now().UnixNano()), For: 8 * time.Second, Clients: 30}
	if text := os.Getenv("REDDOT_CHAOS_SEED"); text != "" {
		var err error
		if cfg.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("REDDOT_CHAOS_SEED: %v", err)
		}
		if err := os.Unsetenv("REDDOT_CHAOS_SEED"); err != nil { // the servers would take it for a setting
			t.Fatal(err)
		}
	}
	cfg.TLS = cfg.Seed%2 == 1 // both get their turns, and a seed always the same
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "faults", "-o", cfg.Binary, "reddot/cmd/reddot").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var out bytes.Buffer
	err := Run(t.Context(), cfg, &out)
	t.Logf("REDDOT_CHAOS_SEED=%d\n%s", cfg.Seed, out.String())
	if errors.Is(err, ErrUnable) {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
}
