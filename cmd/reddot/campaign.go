package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newCampaign() *cobra.Command {
	c := &cobra.Command{
		Use:   "campaign",
		Short: "Write campaigns, review them, let them run, and see what came of them",
		Long: `Write and review campaigns as templates are, start what was approved, and see its funnel.
To write takes a key with the scope author, to review and to start one with approve.`,
		Example: `  reddot campaign put spring spring.json
  reddot campaign submit spring
  reddot campaign approve spring 1 3f0b9c2d
  reddot campaign start spring
  reddot campaign status spring
  reddot campaign retract spring`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	const of = client.CampaignTexts
	c.AddCommand(newCampaignList(), newCampaignGet(), newVersions(of), newPut(of), newArchive(of), newCampaignStatus(), newCampaignRecipients(),
		newMove(of, "submit", "submit ID [VERSION]", "Ask for the review of a draft", between(1, 2, "ID [VERSION]")),
		newMove(of, "approve", "approve ID VERSION HASH", "Approve a version that is in review; of the hash 8 digits are enough", exactly("ID", "VERSION", "HASH")),
		newMove(of, "reject", "reject ID VERSION REASON", "Reject a version that is in review", exactly("ID", "VERSION", "REASON")),
		newCampaignStart(),
		newSteering("pause", "Let a campaign pause behind the page that is under way"),
		newSteering("resume", "Let a campaign go on from where it has paused"),
		newSteering("cancel", "End a campaign; who has its message keeps it"),
		newSteering("retract", "End a campaign, and take back what was delivered"))
	return c
}

func newCampaignList() *cobra.Command {
	return listCommand("List the campaigns of the app", func(ctx context.Context, at *client.Client) ([]client.Campaign, error) { return at.Campaigns(ctx) },
		[]string{"ID", "NEWEST", "STATE", "UPDATED", "BY"}, func(x *client.Campaign) []string {
			return []string{x.ID, fmt.Sprint(x.Version), x.State, minute(&x.UpdatedAt), x.UpdatedBy}
		})
}

func newCampaignGet() *cobra.Command {
	var version uint64
	c := &cobra.Command{Use: "get ID", Short: "Print what a version says, as put takes it", Args: exactly("ID")}
	c.Flags().Uint64Var(&version, "version", 0, "of this version; 0: the newest")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		x, err := at.Campaign(c.Context(), args[0], version)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), x)
		}
		return printIndented(c.OutOrStdout(), struct {
			To       json.RawMessage `json:"to"`
			Message  json.RawMessage `json:"message,omitempty"`
			Arms     json.RawMessage `json:"arms,omitempty"`
			Holdout  float64         `json:"holdout,omitempty"`
			Schedule json.RawMessage `json:"schedule,omitempty"`
			Pace     int             `json:"pace,omitempty"`
		}{x.To, x.Message, x.Arms, x.Holdout, x.Schedule, x.Pace})
	})
}

func newCampaignStart() *cobra.Command {
	return clientCommand(&cobra.Command{Use: "start ID [VERSION]", Short: "Let an approved version begin, by default the newest", Args: between(1, 2, "ID [VERSION]")},
		func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
			var version uint64
			if len(args) > 1 {
				var err error
				if version, err = parseVersion(c, args[1]); err != nil {
					return err
				}
			}
			run, err := at.StartCampaign(c.Context(), args[0], version)
			if err != nil {
				return err
			}
			return r.printRun(c, args[0], &run)
		})
}

func newSteering(to, short string) *cobra.Command {
	return clientCommand(&cobra.Command{Use: to + " ID", Short: short, Args: exactly("ID")},
		func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
			run, err := at.SteerCampaign(c.Context(), args[0], to)
			if err != nil {
				return err
			}
			return r.printRun(c, args[0], &run)
		})
}

// printRun says where a campaign stands.
func (r *remote) printRun(c *cobra.Command, id string, run *client.Run) error {
	if r.json {
		return writeJSON(c.OutOrStdout(), run)
	}
	_, err := fmt.Fprintf(c.ErrOrStderr(), "%s is %s\n", id, run.State)
	return err
}

func newCampaignStatus() *cobra.Command {
	return clientCommand(&cobra.Command{Use: "status ID", Short: "Print how a campaign stands, with the funnel of each arm", Args: exactly("ID")},
		func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
			x, err := at.Campaign(c.Context(), args[0], 0)
			switch {
			case err != nil:
				return err
			case x.Run == nil:
				return fmt.Errorf("%s was not started: its version %d is %s", x.ID, x.Version, x.State)
			case r.json:
				return writeJSON(c.OutOrStdout(), x.Run)
			}
			return printStatus(c, &x)
		})
}

func printStatus(c *cobra.Command, x *client.Campaign) error {
	w, run := c.OutOrStdout(), x.Run
	fmt.Fprintf(w, "%s version %d is %s, since %s by %s; rounds: %d, held out: %d\n", x.ID, run.Version, run.State, minute(&run.StartedAt), run.StartedBy, len(run.Rounds), run.HeldOut)
	if run.NextRound != nil {
		fmt.Fprintf(w, "next round %s\n", minute(run.NextRound))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ARM\tACCEPTED\tFILTERED\tDELIVERED\tSEEN\tREAD\tACTED\t")
	for _, a := range run.Arms {
		f := a.Funnel
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", a.Name, f["accepted"], f["filtered"], f["delivered"], f["seen"], f["read"], f["acted"])
	}
	return t.Flush()
}
