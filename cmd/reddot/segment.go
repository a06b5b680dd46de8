package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
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
	c.AddCommand(newSegmentPut(), newSegmentGet(), newSegmentList(), newSegmentRemove(), newSegmentPreview(), newSegmentCheck())
	return c
}

func newSegmentPut() *cobra.Command {
	c := &cobra.Command{
		Use:   "put NAME EXPRESSION",
		Short: "Save an expression; - reads it from standard input",
		Args:  exactly("NAME", "EXPRESSION"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		where, err := expression(c, args[1])
		if err != nil {
			return err
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		s, err := remote.PutSegment(c.Context(), args[0], where)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), s)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s is at version %d\n", s.Name, s.Version)
		return nil
	}
	return c
}

func newSegmentGet() *cobra.Command {
	var version uint64
	c := &cobra.Command{Use: "get NAME", Short: "Print the expression of a segment", Args: exactly("NAME")}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().Uint64Var(&version, "version", 0, "of this version; 0: the current one")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		s, err := remote.Segment(c.Context(), args[0], version)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), s)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), s.Where)
		return err
	}
	return c
}

func newSegmentList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the segments of the app", Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		all, err := remote.Segments(c.Context())
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), all)
		}
		return printSegments(c.OutOrStdout(), all)
	}
	return c
}

// printSegments writes one line a segment.
func printSegments(out io.Writer, all []client.Segment) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tUPDATED\tBY\tWHERE")
	for _, s := range all {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", s.Name, s.Version, minute(&s.UpdatedAt), s.UpdatedBy, inLine(s.Where))
	}
	return t.Flush()
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

func newSegmentRemove() *cobra.Command {
	c := &cobra.Command{Use: "rm NAME", Short: "Delete a segment", Args: exactly("NAME")}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RemoveSegment(c.Context(), args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "deleted %s\n", args[0])
		return nil
	}
	return c
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
