package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// newDeny is reddot deny.
func newDeny() *cobra.Command {
	return newStanding("deny", "Deny users messages, of a category or all; nothing passes it")
}

// newAllow is reddot allow.
func newAllow() *cobra.Command {
	return newStanding("allow", "Allow users messages past quiet hours, duplicates and caps")
}

// newStanding makes the command of a side, deny or allow.
func newStanding(side, short string) *cobra.Command {
	c := &cobra.Command{
		Use:   side,
		Short: short,
		Example: `  reddot ` + side + ` put alice --category promo --reason "asked for it on the phone" --for 720h
  reddot ` + side + ` list alice
  reddot ` + side + ` rm alice --category promo`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newStandingPut(side), newStandingList(side), newStandingRemove(side))
	return c
}

func newStandingPut(side string) *cobra.Command {
	var s client.Standing
	var hold time.Duration
	c := &cobra.Command{Use: "put USER", Short: "Add an entry, or replace the one for the same category and channel", Args: exactly("USER")}
	r := addRemote(c)
	c.Flags().StringVar(&s.Category, "category", "", "messages of this category; all without it")
	c.Flags().StringVar(&s.Channel, "channel", "", "messages by this channel; all without it")
	c.Flags().StringVar(&s.Reason, "reason", "", "why, for whoever asks")
	c.Flags().DurationVar(&hold, "for", 0, "how long it holds; for good without it")
	c.RunE = func(c *cobra.Command, args []string) error {
		if hold != 0 {
			s.Until = time.Now().Add(hold).UTC()
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.PutStanding(c.Context(), side, args[0], s); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", side, args[0])
		return nil
	}
	return c
}

func newStandingList(side string) *cobra.Command {
	c := &cobra.Command{Use: "list USER", Short: "List the entries that hold for a user", Args: exactly("USER")}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		list, err := remote.Standings(c.Context(), side, args[0])
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), list)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "CATEGORY\tCHANNEL\tUNTIL\tBY\tREASON")
		for i := range list {
			s := &list[i]
			until := "-"
			if !s.Until.IsZero() {
				until = minute(&s.Until)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", orAll(s.Category), orAll(s.Channel), until, s.By, inLine(s.Reason))
		}
		return t.Flush()
	}
	return c
}

func orAll(s string) string {
	if s == "" {
		return "all"
	}
	return s
}

func newStandingRemove(side string) *cobra.Command {
	var category, channel string
	c := &cobra.Command{Use: "rm USER", Short: "Take the entry for a category and a channel away", Args: exactly("USER")}
	r := addRemote(c)
	c.Flags().StringVar(&category, "category", "", "that the entry is for; the one for all without it")
	c.Flags().StringVar(&channel, "channel", "", "likewise")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RemoveStanding(c.Context(), side, args[0], category, channel); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s no more: %s\n", side, args[0])
		return nil
	}
	return c
}
