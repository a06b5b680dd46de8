package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newTrace() *cobra.Command {
	var of [5]string
	var lasts time.Duration
	names := [...]string{"user", "connection", "message", "topic", "campaign"}
	c := &cobra.Command{
		Use:   "trace",
		Short: "Tell live what happens to a user, a connection, a message, a topic or a campaign",
		Long: `Tell live what happens, on all servers: each decision, what connections are sent, what is
seen and read, which connections come and go, what is published to a topic. No content is
told. A trace ends by itself, and tells of 1,000 events a second at most; it says how many
it has left out. Times are UTC. It needs the scope support.`,
		Example: `  reddot trace --user alice
  reddot trace --campaign spring --for 10m --json`,
		Args: exactly(),
	}
	for i, name := range names {
		c.Flags().StringVar(&of[i], name, "", "trace this `"+name+"`")
	}
	c.Flags().Lookup("topic").Usage = "trace this `topic`, or a filter of topics, as news/#"
	c.Flags().DurationVar(&lasts, "for", time.Minute, "end after so `long`, 10m at most")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, _ []string) error {
		what, name, n := "", "", 0
		for i, v := range of {
			if v != "" {
				what, name = names[i], v
				n++
			}
		}
		if n != 1 {
			return usageError{fmt.Errorf("give one of --%s", strings.Join(names[:], ", --")), c.CommandPath()}
		}
		return at.Trace(c.Context(), what, name, lasts, func(h *client.Happening) error { return r.printHappening(c.OutOrStdout(), h) })
	})
}

// printHappening prints a line.
func (r *remote) printHappening(w io.Writer, h *client.Happening) error {
	if r.json {
		_, err := fmt.Fprintf(w, "%s\n", h.Raw)
		return err
	}
	at := "-"
	if h.At != nil {
		at = h.At.UTC().Format("15:04:05.000")
	}
	line := fmt.Sprintf("%-12s  %-12s  %s", at, h.Type, strings.TrimSpace(h.User+" "+h.Topic+" "+h.Campaign+" "+h.ID))
	switch {
	case h.Type == "tracing":
		line += h.Node
	case h.Type == "end":
		line += fmt.Sprintf("%s; %d left out", h.Why, h.Dropped)
	case h.What != "":
		line += "  " + h.What
	case len(h.Connections) > 0:
		line += "  " + strings.Join(h.Connections, " ")
	case len(h.IDs) > 0:
		line += "  " + strings.Join(h.IDs, " ")
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
