package main

import (
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newAudit() *cobra.Command {
	var q client.AuditQuery
	var since, until time.Duration
	c := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed keys, users' tokens and the configuration, and failed logins",
		Long: `Show the audit log, the oldest first: who made, revoked or removed keys,
disconnected users, drained a server or changed the configuration, and a sample of
failed logins. A key with the scope admin sees what is its app's, operator all. An
entry is written before it is done; one with a reason at its end was not done.`,
		Example: `  reddot audit --since 24h
  reddot audit --action key.revoke --actor key:5k3x… --json`,
		Args: exactly(),
	}
	r := addRemote(c)
	r.addJSON(c)
	f := c.Flags()
	f.DurationVar(&since, "since", 0, "only of this long, as 24h; 0: all that is kept")
	f.DurationVar(&until, "until", 0, "only until this long ago")
	f.StringVar(&q.Action, "action", "", "only this action, as key.create")
	f.StringVar(&q.Actor, "actor", "", "only what this one did, as key:ID")
	f.StringVar(&q.App, "app", "", "only of this app")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if since < 0 || until < 0 {
			return usageError{fmt.Errorf("--since and --until are times gone by"), c.CommandPath()}
		}
		if since > 0 {
			q.Since = time.Now().Add(-since)
		}
		if until > 0 {
			q.Until = time.Now().Add(-until)
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		out := c.OutOrStdout()
		if r.json {
			return remote.Audit(c.Context(), q, func(e client.AuditEntry) error { return writeJSON(out, e) })
		}
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "TIME\tACTION\tACTOR\tFROM\tAPP\tTARGET\tBEFORE → AFTER")
		err = remote.Audit(c.Context(), q, func(e client.AuditEntry) error {
			_, err := fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.At.Local().Format("2006-01-02 15:04:05"), e.Action, e.Actor, e.From, e.App, e.Target, change(e))
			return err
		})
		if flushed := t.Flush(); err == nil {
			err = flushed
		}
		return err
	}
	return c
}

// change writes what an entry changed in one line; what clients have sent stands
// between quotes, so that it can't pass for more lines.
func change(e client.AuditEntry) string {
	s := ""
	if len(e.Before) > 0 || len(e.After) > 0 {
		s = string(e.Before) + " → " + string(e.After)
	}
	if e.Count > 0 {
		s += strconv.Itoa(e.Count) + " times "
	}
	if e.Failed != "" {
		s += "failed: " + strconv.Quote(e.Failed)
	}
	return s
}
