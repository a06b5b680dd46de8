package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newExplain() *cobra.Command {
	var campaign string
	var round uint32
	c := &cobra.Command{
		Use:   "explain USER [MESSAGE]",
		Short: "Tell why a user did or did not get a message",
		Long: `Tell what was decided about a message for one user and what was done with it, in
order, and what came of it. Times are UTC; a step is named by its event in the user's
journal (event 12) or its entry in the broadcast log (entry 7). With --campaign it is
the message that the user gets of a campaign, or that the user is held out.`,
		Example: `  reddot explain alice 01980e2b-6b3c-7c1e-a4b0-0123456789ab
  reddot explain alice --campaign spring`,
		Args: between(1, 2, "USER [MESSAGE]"),
	}
	c.Flags().StringVar(&campaign, "campaign", "", "in the place of a message: what the user gets of this `campaign`")
	c.Flags().Uint32Var(&round, "round", 0, "of the campaign's round of this `number`; 0: the last")
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if (campaign == "") != (len(args) == 2) {
			return usageError{fmt.Errorf("give a message, or --campaign"), c.CommandPath()}
		}
		var x client.Explanation
		if campaign != "" {
			x, err = remote.ExplainCampaign(c.Context(), args[0], campaign, round)
		} else {
			x, err = remote.Explain(c.Context(), args[0], args[1])
		}
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), x)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		for i := range x.Decisions {
			d := &x.Decisions[i]
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", d.At.UTC().Format(time.DateTime), placeOf(d), d.What, detailOf(d))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if p := x.Campaign; p != nil && p.Arm != "" {
			fmt.Fprintf(c.OutOrStdout(), "Campaign %s, round %d: the user is in the arm %s.\n", p.Name, p.Round, p.Arm)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), x.Outcome.Text)
		return err
	}
	return c
}

// placeOf names the event or the entry that says a step; none if it is too long ago.
func placeOf(d *client.DecisionOnUser) string {
	switch {
	case d.Seq != 0:
		return "event " + strconv.FormatUint(d.Seq, 10)
	case d.Pos != 0:
		return "entry " + strconv.FormatUint(d.Pos, 10)
	}
	return "-"
}

// detailOf is the rest of a step.
func detailOf(d *client.DecisionOnUser) string {
	var parts []string
	if d.Rule != "" {
		parts = append(parts, "rule "+d.Rule)
	}
	if d.Value != "" {
		parts = append(parts, d.Value)
	}
	if d.Policy != "" {
		parts = append(parts, fmt.Sprintf("policy %s, version %d", d.Policy, d.Version))
	}
	if d.Until != nil {
		parts = append(parts, "until "+d.Until.UTC().Format(time.DateTime))
	}
	if d.Digest != "" {
		parts = append(parts, "digest "+d.Digest)
	}
	if d.Transport != "" {
		parts = append(parts, "by "+d.Transport)
	}
	if d.By != "" {
		parts = append(parts, "message "+d.By)
	}
	return strings.Join(parts, "; ")
}
