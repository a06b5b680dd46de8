//go:build !unix

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// newDev has nothing to offer here: the servers that it would start end with
// signals, and PostgreSQL's with a shell.
func newDev() *cobra.Command {
	return &cobra.Command{
		Use:    "dev",
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return errors.ErrUnsupported },
	}
}
