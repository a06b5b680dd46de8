package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
)

func newKey() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke server keys",
		Long: `Make, list and revoke the keys that back ends call with. This needs a key with
the scope admin; the first one is made with --data or --store, while no server
runs.`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeyCreate(), newKeyList(), newKeyRevoke())
	return c
}

func newKeyCreate() *cobra.Command {
	var name, data, url, appName string
	var scopes []string
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a server key, and print it: it cannot be had again",
		Example: `  reddot key create --data /var/lib/reddot --scopes admin       # the first one, offline
  reddot key create --name shop --scopes publish,read`,
		Args: exactly(),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&name, "name", "", "what you call it")
	c.Flags().StringSliceVar(&scopes, "scopes", []string{"publish", "read"}, "of publish, read, admin")
	c.Flags().StringVar(&data, "data", "", "make it in this data `directory`, without a server")
	c.Flags().StringVar(&url, "store", "", "make it in the database of this `URL`, without a server")
	c.Flags().StringVar(&appName, "app", "", "the app that it is for; with --data or --store only, since a server makes keys for the app of the key that asks")
	c.RunE = func(c *cobra.Command, _ []string) error {
		offline := data != "" || url != ""
		if !offline && appName != "" {
			return usageError{fmt.Errorf("--app goes with --data or --store only"), c.CommandPath()}
		}
		if data != "" && url != "" {
			return usageError{fmt.Errorf("give --data or --store, not both"), c.CommandPath()}
		}
		if offline {
			log := slog.New(slog.DiscardHandler)
			key, text, err := app.CreateKey(c.Context(), data, url, appName, name, scopes, log)
			if err != nil {
				return err
			}
			return r.printNewKey(c.OutOrStdout(), c.ErrOrStderr(), client.Key{ID: key.ID, App: key.App, Name: key.Name,
				Scopes: key.Scopes.Names(), CreatedAt: key.CreatedAt, CreatedBy: key.CreatedBy, Text: text.Reveal()})
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		key, err := remote.CreateKey(c.Context(), name, scopes)
		if err != nil {
			return err
		}
		return r.printNewKey(c.OutOrStdout(), c.ErrOrStderr(), key)
	}
	return c
}

// printNewKey prints the key alone on standard output, so that it can be piped
// into a secret's file.
func (r *remote) printNewKey(out, info io.Writer, k client.Key) error {
	if r.json {
		return writeJSON(out, k)
	}
	fmt.Fprintf(info, "key %s of the app %s for %s; keep it now, it is not shown again:\n", k.ID, k.App, strings.Join(k.Scopes, ", "))
	_, err := fmt.Fprintln(out, k.Text)
	return err
}

func newKeyList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the server keys of your app", Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		keys, err := remote.Keys(c.Context())
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), keys)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tSCOPES\tCREATED\tSTATE\tNAME")
		for _, k := range keys {
			state := "good"
			if k.RevokedAt != nil {
				state = "revoked " + k.RevokedAt.Local().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.ID, strings.Join(k.Scopes, ","), k.CreatedAt.Local().Format("2006-01-02 15:04"), state, k.Name)
		}
		return t.Flush()
	}
	return c
}

func newKeyRevoke() *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a server key at once, and end its connections",
		Args:  exactly("ID"),
	}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RevokeKey(c.Context(), args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "revoked %s\n", args[0])
		return nil
	}
	return c
}
