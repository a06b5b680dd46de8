//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
)

func newDev() *cobra.Command {
	c := &cobra.Command{
		Use:   "dev",
		Short: "Try things out on one machine",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDevCluster())
	return c
}

func newDevCluster() *cobra.Command {
	var port int
	var data string
	c := &cobra.Command{
		Use:   "cluster NODES",
		Short: "Run a database and a cluster of servers on it, on loopback, until Ctrl-C",
		Long: `Run a PostgreSQL of its own, from the system's binaries, and some servers that
share it, each a process of its own with --dev on loopback. What one of them
prints comes with its number in front. Kill one with kill -9: the others go on
with its users.`,
		Example: "  reddot dev cluster 3",
		Args:    exactly("NODES"),
	}
	c.Flags().IntVar(&port, "port", 7777, "`port` of the first server; the others follow in steps of ten")
	c.Flags().StringVar(&data, "data", "", "`directory` that keeps the database; without one it is gone at the end")
	c.RunE = func(c *cobra.Command, args []string) error {
		nodes, err := strconv.Atoi(args[0])
		if err != nil || nodes < 1 || nodes > 20 {
			return usageError{fmt.Errorf("%q is no number of servers from 1 to 20", args[0]), c.CommandPath()}
		}
		return devCluster(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), nodes, port, data)
	}
	return c
}

// devStop is how long the servers may take to end.
const devStop = 40 * time.Second

// devCluster runs a database and servers until ctx ends.
func devCluster(ctx context.Context, out, info io.Writer, nodes, port int, data string) (err error) {
	url, closeDatabase, err := app.DevDatabase(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDatabase()) }()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var binds []string
	for i := range nodes {
		binds = append(binds, fmt.Sprintf("127.0.0.1:%d", port+10*i+1))
	}
	running, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	lines := &prefixed{w: info}
	var wait sync.WaitGroup
	for i := range nodes {
		http := fmt.Sprintf("127.0.0.1:%d", port+10*i)
		cmd := exec.CommandContext(running, program, "serve", "--dev", "--http", http, "--cluster-bind", binds[i], "--join", strings.Join(binds, ",")) //nolint:gosec // G204: this very program
		cmd.Env = append(os.Environ(), "REDDOT_STORE_URL="+url)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this program, which ends them
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = devStop
		pipe, w := io.Pipe()
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Fprintf(out, "server %d: http://%s  process %d\n", i+1, http, cmd.Process.Pid)
		go lines.copy(i+1, pipe)
		wait.Go(func() {
			err := cmd.Wait()
			_ = w.Close()
			if running.Err() == nil {
				fmt.Fprintf(out, "server %d has ended: %v\n", i+1, err)
			}
		})
	}
	fmt.Fprintf(out, "\n  reddot cluster status --url http://127.0.0.1:%d\n  reddot tail alice --url http://127.0.0.1:%d\n  reddot publish alice Hello --url http://127.0.0.1:%d\n\n",
		port, port, port+10*(nodes-1))
	wait.Wait()
	return nil
}

// prefixed writes what servers print, line by line.
type prefixed struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *prefixed) copy(number int, r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		fmt.Fprintf(p.w, "[%d] %s\n", number, s.Text())
		p.mu.Unlock()
	}
}
