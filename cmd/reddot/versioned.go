package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// The commands that all share which keep something under a name, in versions: segments,
// categories, policies.

// putCommand saves what its second argument says under the first. kept returns the name and
// the version of what was saved.
func putCommand[T any](names [2]string, short string, save func(ctx context.Context, at *client.Client, name, text string) (T, error), kept func(*T) (string, uint64)) *cobra.Command {
	c := &cobra.Command{Use: "put " + names[0] + " " + names[1], Short: short, Args: exactly(names[:]...)}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := expression(c, args[1])
		if err != nil {
			return err
		}
		at, err := r.client()
		if err != nil {
			return err
		}
		saved, err := save(c.Context(), at, args[0], text)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), saved)
		}
		name, version := kept(&saved)
		fmt.Fprintf(c.ErrOrStderr(), "%s is at version %d\n", name, version)
		return nil
	}
	return c
}

// getCommand prints what stands under a name, in the version that is asked for.
func getCommand[T any](short string, get func(ctx context.Context, at *client.Client, name string, version uint64) (T, error), text func(*T) string) *cobra.Command {
	var version uint64
	c := &cobra.Command{Use: "get NAME", Short: short, Args: exactly("NAME")}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().Uint64Var(&version, "version", 0, "of this version; 0: the current one")
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := r.client()
		if err != nil {
			return err
		}
		found, err := get(c.Context(), at, args[0], version)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), found)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), text(&found))
		return err
	}
	return c
}

// listCommand lists all that the app keeps, a line each, in columns that columns names.
func listCommand[T any](short string, list func(ctx context.Context, at *client.Client) ([]T, error), columns []string, line func(*T) []string) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: short, Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		at, err := r.client()
		if err != nil {
			return err
		}
		all, err := list(c.Context(), at)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), all)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, strings.Join(columns, "\t"))
		for i := range all {
			fmt.Fprintln(t, strings.Join(line(&all[i]), "\t"))
		}
		return t.Flush()
	}
	return c
}

// removeCommand deletes what stands under a name.
func removeCommand(argument, short string, remove func(ctx context.Context, at *client.Client, name string) error) *cobra.Command {
	c := &cobra.Command{Use: "rm " + argument, Short: short, Args: exactly(argument)}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := r.client()
		if err != nil {
			return err
		}
		if err := remove(c.Context(), at, args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "deleted %s\n", args[0])
		return nil
	}
	return c
}
