package main

import (
	"fmt"

	"reddot/cmd/internal/config"

	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	var reference, quiet bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration without starting",
		Long: `Check the configuration without starting, and print what would be in force:
file, variables, flags and defaults together, secrets as ***. Every mistake is
told with its place; what is allowed and may not be meant is told as advice.

With --reference print a file with every setting, its default and what it is for.`,
		Example: `  reddot check --config reddot.yaml
  reddot check --reference >reddot.yaml`,
		Args: exactly(),
	}
	s := addSettings(c)
	c.Flags().BoolVar(&reference, "reference", false, "print every setting with its default")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing if all is well")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if reference {
			fmt.Fprint(c.OutOrStdout(), config.Reference)
			return nil
		}
		cfg, err := s.load()
		if err != nil || quiet {
			return err
		}
		fmt.Fprint(c.OutOrStdout(), cfg.YAML())
		for _, advice := range cfg.Advice() {
			fmt.Fprintln(c.ErrOrStderr(), "advice:", advice)
		}
		return nil
	}
	return c
}
