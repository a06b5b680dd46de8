package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
)

func newKey() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke server keys",
		Long: `Make, list and revoke the keys that back ends call with. This needs a key with
the scope admin, for the keys of its app, or operator, for those of any app. The
first one is made with --data or --store, while no server runs.`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeyCreate(), newKeyList(), newKeyRevoke())
	return c
}

func newKeyCreate() *cobra.Command {
	var o client.KeyOrder
	var data, url string
	var expires time.Duration
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a server key, and print it: it cannot be had again",
		Example: `  reddot key create --data /var/lib/reddot --scopes admin       # the first one, offline
  reddot key create --name shop --scopes publish,read
  reddot key create --name nightly --scopes publish --expires 720h --addresses 192.0.2.0/24`,
		Args: exactly(),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&o.Name, "name", "", "what you call it")
	c.Flags().StringSliceVar(&o.Scopes, "scopes", []string{"publish", "read"}, "of publish, read, author, support, admin; or operator alone, for the server itself")
	c.Flags().StringSliceVar(&o.Addresses, "addresses", nil, "the addresses and networks that it may come from")
	c.Flags().DurationVar(&expires, "expires", 0, "how long it is good, as 720h; 0: until it is revoked")
	c.Flags().StringVar(&data, "data", "", "make it in this data `directory`, without a server")
	c.Flags().StringVar(&url, "store", "", "make it in the database of this `URL`, without a server")
	c.Flags().StringVar(&o.App, "app", "", "the app that it is for; a server makes keys of other apps than the asking key's for operators only")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case data != "" && url != "":
			return usageError{fmt.Errorf("give --data or --store, not both"), c.CommandPath()}
		case expires < 0:
			return usageError{fmt.Errorf("--expires is a time to come"), c.CommandPath()}
		case expires > 0:
			at := time.Now().Add(expires).UTC()
			o.ExpiresAt = &at
		}
		if data != "" || url != "" {
			key, err := createOffline(c.Context(), data, url, o)
			if err != nil {
				return err
			}
			return r.printNewKey(c.OutOrStdout(), c.ErrOrStderr(), key)
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		key, err := remote.CreateKey(c.Context(), o)
		if err != nil {
			return err
		}
		return r.printNewKey(c.OutOrStdout(), c.ErrOrStderr(), key)
	}
	return c
}

// createOffline makes a key without a server.
func createOffline(ctx context.Context, data, url string, o client.KeyOrder) (client.Key, error) {
	key, text, err := app.CreateKey(ctx, data, url, app.KeyOrder(o), slog.New(slog.DiscardHandler))
	return client.Key{ID: key.ID, App: key.App, Name: key.Name, Scopes: key.Scopes.Names(), Addresses: o.Addresses,
		CreatedAt: key.CreatedAt, CreatedBy: key.CreatedBy, ExpiresAt: key.ExpiresAt, Text: text.Reveal()}, err
}

// printNewKey prints the key alone on standard output, so that it can be piped
// into a secret's file.
func (r *remote) printNewKey(out, info io.Writer, k client.Key) error {
	if r.json {
		return writeJSON(out, k)
	}
	of := "of the app " + k.App
	if k.App == "" {
		of = "of no app"
	}
	fmt.Fprintf(info, "key %s %s for %s; keep it now, it is not shown again:\n", k.ID, of, strings.Join(k.Scopes, ", "))
	_, err := fmt.Fprintln(out, k.Text)
	return err
}

func newKeyList() *cobra.Command {
	var of string
	c := &cobra.Command{Use: "list", Short: "List the server keys of an app", Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&of, "app", "", "the app; an operator's key alone sees others than its own")
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		keys, err := remote.Keys(c.Context(), of)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), keys)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tSCOPES\tCREATED\tLAST USED\tSTATE\tNAME")
		for _, k := range keys {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, strings.Join(k.Scopes, ","), minute(&k.CreatedAt), minute(k.LastUsedAt), keyState(k), k.Name)
		}
		return t.Flush()
	}
	return c
}

// keyState says whether a key is good, and for how long.
func keyState(k client.Key) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + minute(k.RevokedAt)
	case k.ExpiresAt != nil && time.Now().After(*k.ExpiresAt):
		return "expired " + minute(k.ExpiresAt)
	case k.ExpiresAt != nil:
		return "good until " + minute(k.ExpiresAt)
	}
	return "good"
}

// minute writes a time for a table.
func minute(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func newKeyRevoke() *cobra.Command {
	var of string
	var remove bool
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a server key at once, and end its connections",
		Args:  exactly("ID"),
	}
	r := addRemote(c)
	c.Flags().StringVar(&of, "app", "", "the app of the key; for an operator's key")
	c.Flags().BoolVar(&remove, "remove", false, "forget the key, too: it is in no list any more")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RevokeKey(c.Context(), of, args[0], remove); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "revoked %s\n", args[0])
		return nil
	}
	return c
}
