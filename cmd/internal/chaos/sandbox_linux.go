package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"reddot/actors/store/pgserver"
)

// insideVar holds the configuration in the environment of the process that is
// inside the namespaces.
const insideVar = "REDDOT_CHAOS_INSIDE"

// Run runs this program again as the first process of namespaces of its own,
// where Inside does the work; when that ends, or this process does, the kernel
// removes all that is in them. What the run tells goes to out. An error that is
// not ErrUnable says what the run found.
func Run(ctx context.Context, cfg Config, out io.Writer) error {
	if err := cfg.check(); err != nil {
		return err
	}
	if err := able(); err != nil {
		return err
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), insideVar+"="+string(b))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	cmd.WaitDelay = 5 * time.Second
	life, err := cmd.StdinPipe() // ends with this process
	if err != nil {
		return err
	}
	defer func() { _ = life.Close() }()
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("%w: namespaces can't be made: %w", ErrUnable, err)
		}
		return err
	}
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == unableCode {
			return fmt.Errorf("%w: what it printed says why", ErrUnable)
		}
		return fmt.Errorf("seed %d: %w", cfg.Seed, err)
	}
	return nil
}

// able says what is missing on this machine.
func able() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: only root may make network namespaces", ErrUnable)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("%w: there is no ip (Debian, Ubuntu: apt-get install iproute2)", ErrUnable)
	}
	if _, err := pgserver.Binaries(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnable, err)
	}
	return nil
}

// unableCode is the exit status of a process inside that could not begin.
const unableCode = 77

// Inside does a run, if this is the process that Run has started, and returns
// the status to exit with. Whoever calls Run calls Inside first of all. When the
// process exits, the kernel ends all others in its namespaces.
func Inside() (status int, inside bool) {
	text := os.Getenv(insideVar)
	if text == "" {
		return 0, false
	}
	_ = os.Unsetenv(insideVar)
	var cfg Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2, true
	}
	signal.Ignore(syscall.SIGINT) // the process outside decides
	if err := mountSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, "namespaces can't be used:", err)
		return unableCode, true
	}
	done := make(chan error, 1)
	go func() { done <- run(context.Background(), cfg, os.Stdout) }()
	orphaned := make(chan struct{})
	go func() {
		defer close(orphaned)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	select {
	case err := <-done:
		if err != nil {
			fmt.Fprintln(os.Stdout, "FAILED:", err)
			return 1, true
		}
		return 0, true
	case <-orphaned:
		return 3, true
	}
}

// mountSandbox gives this process mounts of its own: of its processes, and of the
// names of network namespaces.
func mountSandbox() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return os.MkdirAll("/run/netns", 0o755) //nolint:gosec // G301: of this namespace
}
