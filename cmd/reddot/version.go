package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show what this program was built from",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			v := app.Version()
			line := "reddot " + v.Version
			if v.Commit != "" {
				line += " " + v.Commit
			}
			if v.Dirty {
				line += " with changes"
			}
			if v.Time != "" {
				line += " of " + v.Time
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), line+", "+v.Go)
			return err
		},
	}
}
