package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A server treats its signals itself; for the other commands the first one
	// ends what is under way.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	os.Exit(report(os.Stderr, err))
}

// newRoot returns the command with all its subcommands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "reddot",
		Short: "A push server that keeps every user's unread count and inbox live on every screen",
		Long: `Reddot keeps every user's unread count and inbox live on every screen.

Start one with "reddot serve --dev", open the URL that it prints, and publish
from another terminal: reddot publish alice "Hello".`,
		Example: `  reddot serve --dev
  reddot publish alice "Your parcel has arrived" --category order
  reddot tail alice`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{err, c.CommandPath()}
	})
	root.AddCommand(newServe(), newCheck(), newPublish(), newTail(), newInbox(), newCounts(), newExplain(), newRecipients(), newTrace(), newUser(),
		newKey(), newToken(), newPasswd(), newAudit(), newSegment(), newList(), newKeywords(), newCategory(), newTemplate(), newCampaign(), newPolicy(), newDeny(), newAllow(), newJournal(), newCluster(), newBackup(), newRestore(), newDev(), newBench(), newVersion())
	root.AddCommand(exitCodes())
	return root
}
