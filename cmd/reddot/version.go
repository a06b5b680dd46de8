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
			_, err := fmt.Fprintf(c.OutOrStdout(), "reddot %s, %s\n", v, v.Go)
			return err
		},
	}
}
