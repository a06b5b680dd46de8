package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newInbox() *cobra.Command {
	var f client.Filter
	c := &cobra.Command{
		Use:   "inbox USER",
		Short: "List a user's messages, newest first",
		Example: `  reddot inbox alice
  reddot inbox alice --state unread --category order --limit 5`,
		Args: exactly("USER"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&f.State, "state", "", "unseen, seen, unread, read, archived, snoozed, scheduled, held or all")
	c.Flags().StringVar(&f.Category, "category", "", "only of this category")
	c.Flags().StringVar(&f.Tenant, "tenant", "", "only of this tenant")
	c.Flags().IntVar(&f.Limit, "limit", 20, "messages, 1 to 200")
	c.Flags().StringVar(&f.Next, "next", "", "go on where the list before ended")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		page, err := remote.Inbox(c.Context(), args[0], f)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), page)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, m := range page.Messages {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", m.ID, m.CreatedAt.Local().Format("2006-01-02 15:04:05"), m.State, m.Category, messageLine(m))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if page.Next != "" {
			fmt.Fprintf(c.ErrOrStderr(), "there is more: --next %s\n", page.Next)
		}
		return nil
	}
	return c
}

func newCounts() *cobra.Command {
	c := &cobra.Command{
		Use:     "counts USER",
		Short:   "Show a user's counts",
		Example: `  reddot counts alice --json | jq .unread`,
		Args:    exactly("USER"),
	}
	r := addRemote(c)
	r.addJSON(c)
	tenant := c.Flags().String("tenant", "", "only of this tenant")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		counts, err := remote.Counts(c.Context(), args[0], *tenant)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), counts)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), countsLine(counts))
		return err
	}
	return c
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
