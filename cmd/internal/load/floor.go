package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"reddot/cmd/internal/load/floor"
	"reddot/cmd/internal/load/report"
)

// ServeFloor plays the server with the least work possible, on a loopback port
// that it tells on ready. It ends with the context, or when quit, the standard
// input of its process, ends. Where there is no epoll it returns
// errors.ErrUnsupported.
func ServeFloor(ctx context.Context, ready io.Writer, quit io.Reader) error {
	return floor.Serve(ctx, ready, quit)
}

// runFloor starts the floor in a process of its own and measures it.
func runFloor(ctx context.Context, cfg Config, progress io.Writer) (report.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	argv := cfg.FloorCommand
	if len(argv) == 0 {
		self, err := os.Executable()
		if err != nil {
			return report.Result{}, err
		}
		argv = []string{self, "bench", "--serve-floor"}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // G204: the caller's own command
	cmd.Stderr = progress
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe() // closed when this process ends, however it does
	if err != nil {
		return report.Result{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return report.Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return report.Result{}, fmt.Errorf("start %v: %w", argv, err)
	}
	defer cmd.Wait() //nolint:errcheck // it is killed
	defer cancel()
	defer in.Close()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), floor.Ready)
	if !ok {
		return report.Result{}, fmt.Errorf("%v said %q, not its address (%w)", argv, line, err)
	}
	cfg.URLs, cfg.Token, cfg.Sources = []string{"http://" + addr}, "", nil
	cfg.PIDs = []int{cmd.Process.Pid}
	b, err := newBench(cfg, "floor", progress)
	if err != nil {
		return report.Result{}, err
	}
	b.stateless = true
	return b.measure(ctx)
}
