package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newCluster() *cobra.Command {
	c := &cobra.Command{
		Use:   "cluster",
		Short: "See the servers of a cluster, and drain one",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newClusterStatus(), newClusterDrain())
	return c
}

func newClusterStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "List the servers of a cluster, and what each owns and holds",
		Long: `List the servers of the cluster that a server belongs to: its state, how many of
the 1,024 shards of users it owns, the actors that are awake, the connections
that it holds, and the links between the servers. With --json also the fencing
epoch of each shard.`,
		Args: exactly(),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		status, err := remote.Cluster(c.Context())
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), status)
		}
		return printCluster(c.OutOrStdout(), status)
	}
	return c
}

func printCluster(w io.Writer, s client.Cluster) error {
	if s.Cluster == "" {
		fmt.Fprintln(w, "this server is alone")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSTATE\tSHARDS\tACTORS\tCONNECTIONS\tHELD\tLINKS\tLAG\tQUEUED\tPROGRAM")
	for _, m := range s.Members {
		up, lag, queued := 0, int64(0), 0
		for _, l := range m.Links {
			if l.Up {
				up++
				lag = max(lag, l.LagMS)
				queued += l.Queued
			}
		}
		name := m.Node
		if name == s.Node {
			name += " *"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d/%d\t%d ms\t%d B\t%s\n", name, m.State, m.Shards, m.Actors, m.Connections, m.Held, up, len(m.Links), lag, queued, m.Program)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range s.Members {
		if m.Why != "" {
			fmt.Fprintf(w, "%s: %s\n", m.Node, strings.TrimSpace(m.Why))
		}
	}
	return nil
}

func newClusterDrain() *cobra.Command {
	c := &cobra.Command{
		Use:   "drain",
		Short: "Let a server hand its users over, send its clients away, and end",
		Long: `Let the server at --url hand its users over to the others, send its clients away
over the time of stop.drain, and end, as SIGTERM does.`,
		Args: exactly(),
	}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.Drain(c.Context()); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "draining")
		return err
	}
	return c
}
