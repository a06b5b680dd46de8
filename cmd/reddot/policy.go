package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
)

func newPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Say how often and when messages may come: caps, quiet hours, digests",
		Long: `Save, show and check policies: the rules by which messages are judged that name one. To
see them takes a key with the scope read, author or admin; to change them author or
admin. Each change is a version, and those before stay readable.`,
		Example: `  reddot policy put promo '{"caps":[{"max":3,"per":"24h"}],"quiet_hours":{"from":"22:00","to":"08:00"}}'
  reddot policy get promo --version 1
  reddot policy check - < promo.json        # without a server`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPolicyPut(), newPolicyGet(), newPolicyList(), newPolicyRemove(), newPolicyCheck())
	return c
}

func newPolicyPut() *cobra.Command {
	c := &cobra.Command{
		Use:   "put NAME JSON",
		Short: "Save a policy; - reads it from standard input",
		Args:  exactly("NAME", "JSON"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := expression(c, args[1])
		if err != nil {
			return err
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		saved, err := remote.PutPolicy(c.Context(), args[0], []byte(body))
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), saved)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s is at version %d\n", saved.Name, saved.Version)
		return nil
	}
	return c
}

func newPolicyGet() *cobra.Command {
	var version uint64
	c := &cobra.Command{Use: "get NAME", Short: "Print a policy", Args: exactly("NAME")}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().Uint64Var(&version, "version", 0, "of this version; 0: the current one")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		p, err := remote.Policy(c.Context(), args[0], version)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), p)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", p.Rules)
		return err
	}
	return c
}

func newPolicyList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the policies of the app", Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		list, err := remote.Policies(c.Context())
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), list)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tVERSION\tUPDATED\tBY\tRULES")
		for i := range list {
			p := &list[i]
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", p.Name, p.Version, minute(&p.UpdatedAt), p.UpdatedBy, inLine(string(p.Rules)))
		}
		return t.Flush()
	}
	return c
}

func newPolicyRemove() *cobra.Command {
	c := &cobra.Command{Use: "rm NAME", Short: "Delete a policy", Args: exactly("NAME")}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RemovePolicy(c.Context(), args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "deleted %s\n", args[0])
		return nil
	}
	return c
}

func newPolicyCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check JSON",
		Short: "Check a policy, without a server; - reads it from standard input",
		Args:  exactly("JSON"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := expression(c, args[0])
		if err != nil {
			return err
		}
		if err := app.CheckPolicy([]byte(body)); err != nil {
			return err
		}
		fmt.Fprintln(c.ErrOrStderr(), "the policy is good")
		return nil
	}
	return c
}
