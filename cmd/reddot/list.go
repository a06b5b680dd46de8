package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Put users into lists, which messages can be for",
		Long: `Put users into lists of any size, and take them out. A list is there as long as users
are in it. To see lists takes a key with the scope read, author or admin; to change them
author or admin.`,
		Example: `  reddot list add beta alice bob
  reddot list add beta --file users.txt
  reddot list get beta | grep '^a' | reddot list remove beta --file -
  reddot list count beta
  reddot publish --to list:beta "Try the new search"`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newListChange(false), newListChange(true), newListGet(), newListCount(), newListEmpty())
	return c
}

// newListChange puts users into a list, or takes them out with leave.
func newListChange(leave bool) *cobra.Command {
	use, short, done := "add", "Put users into a list", "put %s into %s\n"
	if leave {
		use, short, done = "remove", "Take users out of a list", "took %s out of %s\n"
	}
	ch := &listChange{leave: leave}
	var file string
	c := &cobra.Command{
		Use:   use + " NAME [USER…]",
		Short: short,
		Long: short + `: those that are named, and those of --file, one a line. A line is a user's name, or
JSON with it, as list get --json prints it. What is refused is printed, one JSON object
each, and does not concern the others. All may be sent again.`,
		Example: fmt.Sprintf("  reddot list %[1]s beta alice bob\n  reddot list %[1]s beta --file users.txt > refused.ndjson", use),
		Args:    between(1, math.MaxInt, "NAME", "[USER…]"),
	}
	r := addRemote(c)
	c.Flags().StringVarP(&file, "file", "f", "", "a `FILE` of users; - reads the standard input")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 && file == "" {
			return usageError{errors.New("name users, or a file of them with --file"), c.CommandPath()}
		}
		var err error
		if ch.remote, err = r.client(); err != nil {
			return err
		}
		ch.list, ch.out = args[0], c.OutOrStdout()
		err = ch.all(c, args[1:], file)
		fmt.Fprintf(c.ErrOrStderr(), done, number(ch.done, "user"), ch.list)
		if err == nil && ch.refused > 0 {
			err = fmt.Errorf("%s refused", map[bool]string{true: "1 user was", false: fmt.Sprintf("%d users were", ch.refused)}[ch.refused == 1])
		}
		return err
	}
	return c
}

// A listChange puts users into a list, or takes them out.
type listChange struct {
	remote  *client.Client
	list    string
	leave   bool
	out     io.Writer // refused users
	pending []string
	lines   []int // where those stand in the file; 0: on the command line

	done, refused int
}

// listChunk is how many users are sent at a time.
const listChunk = 1000

// all changes those who are named, and then those of a file, unless that is empty.
func (ch *listChange) all(c *cobra.Command, users []string, file string) error {
	for _, user := range users {
		if err := ch.add(c.Context(), user, 0); err != nil {
			return err
		}
	}
	if file == "" {
		return ch.flush(c.Context())
	}
	in := c.InOrStdin()
	if file != "-" {
		f, err := os.Open(filepath.Clean(file))
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		user, err := userOf(strings.TrimSpace(lines.Text()))
		switch {
		case err != nil:
			err = ch.refuse(n, user, &client.Problem{Code: "invalid", Detail: err.Error()})
		case user != "":
			err = ch.add(c.Context(), user, n)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return ch.flush(c.Context())
}

// userOf returns the user that a line names.
func userOf(line string) (string, error) {
	if !strings.HasPrefix(line, "{") {
		return line, nil
	}
	var l struct{ User string }
	if json.Unmarshal([]byte(line), &l) != nil || l.User == "" {
		return "", errors.New(`it names no user; write a name, or {"user":"NAME"}`)
	}
	return l.User, nil
}

func (ch *listChange) add(ctx context.Context, user string, line int) error {
	ch.pending, ch.lines = append(ch.pending, user), append(ch.lines, line)
	if len(ch.pending) < listChunk {
		return nil
	}
	return ch.flush(ctx)
}

// flush sends what is pending, again and again what may succeed later.
func (ch *listChange) flush(ctx context.Context) error {
	if len(ch.pending) == 0 {
		return nil
	}
	return again(ctx, func() error {
		results, err := ch.remote.ChangeList(ctx, ch.list, ch.leave, ch.pending)
		if err != nil {
			return err
		}
		return ch.note(results)
	})
}

// note takes results in. What may succeed later stays pending, and is the error.
func (ch *listChange) note(results []client.Member) (later error) {
	pending, lines := ch.pending[:0], ch.lines[:0]
	for i, m := range results {
		switch {
		case m.Failed == nil:
			ch.done++
		case m.Failed.Temporary() && m.Failed.Code != "too_many": // more tries do not change what the user has
			pending, lines, later = append(pending, m.User), append(lines, ch.lines[i]), m.Failed
		default:
			if err := ch.refuse(ch.lines[i], m.User, m.Failed); err != nil {
				return err
			}
		}
	}
	ch.pending, ch.lines = pending, lines
	return later
}

// refuse tells why a user was refused.
func (ch *listChange) refuse(line int, user string, why *client.Problem) error {
	ch.refused++
	return writeJSON(ch.out, struct {
		Line   int    `json:"line,omitempty"`
		User   string `json:"user,omitempty"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{line, user, why.Code, why.Detail})
}

func newListGet() *cobra.Command {
	c := &cobra.Command{
		Use:     "get NAME",
		Short:   "Print the users of a list, one a line",
		Long:    "Print the users of a list, one a line, in an order of the server's own.",
		Example: "  reddot list get beta > users.txt",
		Args:    exactly("NAME"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		out := bufio.NewWriter(c.OutOrStdout())
		err = remote.List(c.Context(), args[0], func(user string) error {
			if r.json {
				return writeJSON(out, map[string]string{"user": user})
			}
			_, err := fmt.Fprintln(out, user)
			return err
		})
		return errors.Join(err, out.Flush())
	}
	return c
}

func newListCount() *cobra.Command {
	c := &cobra.Command{Use: "count NAME", Short: "Print how many users a list has", Args: exactly("NAME")}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		n, err := remote.CountList(c.Context(), args[0])
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), map[string]int{"count": n})
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), n)
		return err
	}
	return c
}

func newListEmpty() *cobra.Command {
	c := &cobra.Command{Use: "rm NAME", Short: "Take all users out of a list", Args: exactly("NAME")}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		n, err := remote.EmptyList(c.Context(), args[0])
		if err == nil || n > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "took %s out of %s\n", number(n, "user"), args[0])
		}
		return err
	}
	return c
}
