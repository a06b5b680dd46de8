package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
)

func newJournal() *cobra.Command {
	c := &cobra.Command{
		Use:   "journal",
		Short: "Look into what the store keeps of users",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newJournalGaps())
	return c
}

func newJournalGaps() *cobra.Command {
	var data, url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "gaps",
		Short: "List users whose journal had a hole, and what of it was kept aside",
		Long: `List the users, sends and parts of topics whose journal had a hole: events were
missing, as after a restore of some tables. Each went on from the event before
the hole; the events after it were kept aside, as records of the kind aside.
A data directory is read while no server uses it, a database at any time.`,
		Example: `  reddot journal gaps --data /var/lib/reddot
  reddot journal gaps --store postgres://reddot@db/reddot --json`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if (data == "") == (url == "") {
				return usageError{fmt.Errorf("give --data or --store"), c.CommandPath()}
			}
			list, err := app.Gaps(c.Context(), data, url, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if asJSON {
				for _, g := range list {
					if err := json.NewEncoder(out).Encode(g); err != nil {
						return err
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ACTOR\tAFTER\tASIDE\tEVENTS\tFOUND")
			for _, g := range list {
				fmt.Fprintf(w, "%s\t%d\t%d–%d\t%d\t%s\n", g.Actor, g.After, g.First, g.Last, g.Events, g.At.Format(time.RFC3339))
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&data, "data", "", "the data `directory`")
	c.Flags().StringVar(&url, "store", "", "the `URL` of the database")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}
