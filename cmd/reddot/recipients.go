package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newRecipients() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use:   "recipients MESSAGE",
		Short: "List who got a message, and what became of it",
		Long: `List the users whom a message is for, as they are asked, each with what became of it:
delivered (in the inbox, and not seen), seen, read, archived, snoozed, scheduled, held,
gathered (an item of a digest), filtered, retracted, expired and others. Of a broadcast all
users of the app are asked, page by page; those for whom it was not are listed by
--state not_in_audience alone. Times are UTC. It needs the scope support.`,
		Example: `  reddot recipients 01980e2b-6b3c-7c1e-a4b0-0123456789ab
  reddot recipients 01980e2b-6b3c-7c1e-a4b0-0123456789ab --state filtered`,
		Args: exactly("MESSAGE"),
	}
	c.Flags().StringVar(&state, "state", "", "of these the ones in this `state`")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		return at.Recipients(c.Context(), args[0], state, r.printRecipient(c))
	})
}

func newCampaignRecipients() *cobra.Command {
	var state, arm string
	var round uint32
	c := &cobra.Command{
		Use:   "recipients ID",
		Short: "List who got a campaign, and what became of it",
		Args:  exactly("ID"),
	}
	c.Flags().StringVar(&state, "state", "", "of the users the ones in this `state`, as held_out")
	c.Flags().StringVar(&arm, "arm", "", "of this `arm`; else of all")
	c.Flags().Uint32Var(&round, "round", 0, "of the round of this `number`; 0: the last")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		return at.CampaignRecipients(c.Context(), args[0], round, arm, state, r.printRecipient(c))
	})
}

// printRecipient prints a line for each.
func (r *remote) printRecipient(c *cobra.Command) func(*client.Recipient) error {
	out := c.OutOrStdout()
	if r.json {
		return func(x *client.Recipient) error { return json.NewEncoder(out).Encode(x) }
	}
	return func(x *client.Recipient) error {
		at, why := "-", ""
		if x.At != nil {
			at = x.At.UTC().Format(time.DateTime)
		}
		if x.Arm != "" {
			why = "  arm " + x.Arm
		}
		if x.Rule != "" {
			why += "  rule " + x.Rule
		}
		if x.Policy != "" {
			why += fmt.Sprintf("  policy %s, version %d", x.Policy, x.Version)
		}
		_, err := fmt.Fprintf(out, "%-24s  %-10s  %s%s\n", x.User, x.State, at, why)
		return err
	}
}
