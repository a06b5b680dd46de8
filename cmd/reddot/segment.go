package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
)

func newSegment() *cobra.Command {
	c := &cobra.Command{
		Use:   "segment",
		Short: "Say by expressions over users' profiles who belongs to a segment",
		Long: `Save, show and check segments: expressions over users' profiles. To see them takes a
key with the scope read, author or admin; to change them author or admin. Each change
is a version, and those before stay readable.`,
		Example: `  reddot segment put vips "'vip' in tags && attributes.city == 'Shanghai'"
  reddot segment get vips --version 1
  reddot segment preview vips
  reddot segment check "attributes.level >= 3"        # without a server`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		putCommand([2]string{"NAME", "EXPRESSION"}, "Save an expression; - reads it from standard input",
			func(ctx context.Context, at *client.Client, name, where string) (client.Segment, error) {
				return at.PutSegment(ctx, name, where)
			},
			func(s *client.Segment) (string, uint64) { return s.Name, s.Version }),
		getCommand("Print the expression of a segment",
			func(ctx context.Context, at *client.Client, name string, version uint64) (client.Segment, error) {
				return at.Segment(ctx, name, version)
			},
			func(s *client.Segment) string { return s.Where }),
		listCommand("List the segments of the app",
			func(ctx context.Context, at *client.Client) ([]client.Segment, error) { return at.Segments(ctx) },
			[]string{"NAME", "VERSION", "UPDATED", "BY", "WHERE"},
			func(s *client.Segment) []string {
				return []string{s.Name, fmt.Sprint(s.Version), minute(&s.UpdatedAt), s.UpdatedBy, inLine(s.Where)}
			}),
		removeCommand("NAME", "Delete a segment",
			func(ctx context.Context, at *client.Client, name string) error { return at.RemoveSegment(ctx, name) }),
		newSegmentPreview(), newSegmentCheck())
	return c
}

// inLine writes a text in one line, without what a terminal would act on.
func inLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func newSegmentPreview() *cobra.Command {
	var where string
	var noCount bool
	c := &cobra.Command{
		Use:   "preview [NAME]",
		Short: "Print how many users a segment finds, and the first 20 of them",
		Args:  between(0, 1, "[NAME]"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&where, "where", "", "an expression that is not saved, in the place of NAME; - reads it from standard input")
	c.Flags().BoolVar(&noCount, "no-count", false, "do not count, which may take a second for a million users")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (len(args) == 1) == (where != "") {
			return usageError{errors.New("say one of NAME and --where"), c.CommandPath()}
		}
		where, err := expression(c, where)
		if err != nil {
			return err
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		p, err := remote.PreviewSegment(c.Context(), strings.Join(args, ""), where, !noCount)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), p)
		}
		if p.Count != nil {
			fmt.Fprintln(c.ErrOrStderr(), number(*p.Count, "user"))
		}
		for _, user := range p.Users {
			fmt.Fprintln(c.OutOrStdout(), user)
		}
		return nil
	}
	return c
}

func newSegmentCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check EXPRESSION",
		Short: "Check an expression, without a server; - reads it from standard input",
		Args:  exactly("EXPRESSION"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		where, err := expression(c, args[0])
		if err != nil {
			return err
		}
		if err := app.CheckSegment(where); err != nil {
			return err
		}
		fmt.Fprintln(c.ErrOrStderr(), "the expression is good")
		return nil
	}
	return c
}

// maxExpression is how much is read of standard input: more than any may have.
const maxExpression = 64 << 10

// expression returns the argument, or what standard input has if that is -.
func expression(c *cobra.Command, arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	b, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxExpression))
	return strings.TrimSpace(string(b)), err
}
