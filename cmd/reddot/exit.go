package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
)

// The exit codes. They are part of the command line's contract.
const (
	exitOK          = 0
	exitFailed      = 1   // it did not work; the same may not work again
	exitUsage       = 2   // the command line or the configuration is wrong
	exitUnavailable = 3   // the server is away or busy; try again later
	exitRefused     = 4   // the key or token is missing, wrong or does not reach so far
	exitStore       = 5   // the server's store has failed; the disk is to be looked after
	exitInterrupted = 130 // by Ctrl-C, as shells have it
)

// exitCodes is the help topic about them.
func exitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes of all commands:
  0    done
  1    it did not work, and would not work again as it is
  2    the command line or the configuration is wrong
  3    the server is away or busy: try again later
  4    the key or token is missing or wrong, or does not reach so far
  5    the server's disk is full or broken; nothing acknowledged is lost unless it
       says so: look after the disk, and start the server again
  130  interrupted (Ctrl-C)`,
	}
}

// A usageError is a mistake on the command line, or in the configuration if it
// has no command.
type usageError struct {
	error
	command string
}

// A toldError is in the log already.
type toldError struct{ error }

// Unwrap returns the error.
func (e toldError) Unwrap() error { return e.error }

// Unwrap returns the mistake.
func (e usageError) Unwrap() error { return e.error }

// report tells the error and returns the exit code.
func report(w io.Writer, err error) int {
	var usage usageError
	var problem *client.Problem
	var away *client.UnreachableError
	switch {
	case err == nil:
		return exitOK
	case app.StoreFailed(err):
		if !errors.As(err, new(toldError)) {
			fmt.Fprintln(w, "reddot:", err)
		}
		return exitStore
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintln(w, "reddot:", err)
		if usage.command != "" {
			fmt.Fprintf(w, "see %s --help\n", usage.command)
		}
		return exitUsage
	case errors.As(err, &away):
		fmt.Fprintln(w, "reddot:", err)
		return exitUnavailable
	case errors.As(err, &problem):
		return reportProblem(w, err, problem)
	case strings.HasPrefix(err.Error(), "unknown command"): // cobra has no type for it
		fmt.Fprintln(w, "reddot:", err)
		return exitUsage
	}
	fmt.Fprintln(w, "reddot:", err)
	return exitFailed
}

func reportProblem(w io.Writer, err error, p *client.Problem) int {
	fmt.Fprintln(w, "reddot:", err)
	switch {
	case p.Status == http.StatusUnauthorized:
		fmt.Fprintln(w, "give a server key or a user's token with --key or REDDOT_KEY")
		return exitRefused
	case p.Status == http.StatusForbidden:
		return exitRefused
	case p.Temporary():
		if p.RetryAfter > 0 {
			fmt.Fprintf(w, "try again in %v\n", p.RetryAfter)
		}
		return exitUnavailable
	}
	return exitFailed
}

// exactly returns a check of the number of arguments, which names them.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), len(names), names...) }

// between returns a check that there are so many arguments, which names them.
func between(least, most int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		n := len(args)
		if least <= n && n <= most {
			return nil
		}
		want := strings.Join(names, " ")
		if want == "" {
			want = "no arguments"
		}
		there := "there are"
		if n == 1 {
			there = "there is"
		}
		return usageError{fmt.Errorf("%s takes %s; %s %s", c.CommandPath(), want, there, number(n, "argument")), c.CommandPath()}
	}
}
