package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/config"
)

func newToken() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Issue tokens for users",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTokenIssue())
	return c
}

func newTokenIssue() *cobra.Command {
	var order app.TokenOrder
	var ttl string
	c := &cobra.Command{
		Use:   "issue USER",
		Short: "Sign a token for a user with the secret of the configuration",
		Long: `Sign a token (a JWT, HS256) for a user with token.secret of the configuration,
as a back end does when its user logs in. Whoever has the token reads and marks
this user's inbox until it expires.`,
		Example: `  reddot token issue alice --config reddot.yaml --ttl 1h
  REDDOT_KEY=$(reddot token issue alice -c reddot.yaml) reddot tail alice`,
		Args: exactly("USER"),
	}
	s := addSettings(c)
	c.Flags().StringVar(&ttl, "ttl", "1h", "how long it lives")
	c.Flags().StringVar(&order.App, "app", "", "the user's app; default: default")
	c.Flags().StringSliceVar(&order.Read, "read-topics", nil, "patterns of live topics to read")
	c.Flags().StringSliceVar(&order.Write, "write-topics", nil, "patterns of live topics to write")
	c.RunE = func(c *cobra.Command, args []string) error {
		d, err := config.ParseDuration(ttl)
		if err != nil {
			return usageError{fmt.Errorf("--ttl: %w", err), c.CommandPath()}
		}
		cfg, err := s.load()
		if err != nil {
			return err
		}
		order.User, order.TTL = args[0], time.Duration(d)
		token, err := app.IssueToken(cfg, order)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), token)
		return err
	}
	return c
}
