package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
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
  reddot policy simulate promo alice bob --message '{"title":"Half price","category":"promo"}'
  reddot policy simulate promo alice --days 7 --rules '{"caps":[{"max":1,"per":"24h"}]}'
  reddot policy check '{"caps":[{"max":3,"per":"24h"}]}'        # without a server`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		putCommand([2]string{"NAME", "JSON"}, "Save a policy; - reads it from standard input",
			func(ctx context.Context, at *client.Client, name, body string) (client.Policy, error) {
				return at.PutPolicy(ctx, name, []byte(body))
			},
			func(p *client.Policy) (string, uint64) { return p.Name, p.Version }),
		getCommand("Print a policy",
			func(ctx context.Context, at *client.Client, name string, version uint64) (client.Policy, error) {
				return at.Policy(ctx, name, version)
			},
			func(p *client.Policy) string { return string(p.Rules) }),
		listCommand("List the policies of the app",
			func(ctx context.Context, at *client.Client) ([]client.Policy, error) { return at.Policies(ctx) },
			[]string{"NAME", "VERSION", "UPDATED", "BY", "RULES"},
			func(p *client.Policy) []string {
				return []string{p.Name, fmt.Sprint(p.Version), minute(&p.UpdatedAt), p.UpdatedBy, inLine(string(p.Rules))}
			}),
		removeCommand("NAME", "Delete a policy",
			func(ctx context.Context, at *client.Client, name string) error { return at.RemovePolicy(ctx, name) }),
		newPolicySimulate(), newPolicyCheck(), newPolicyQuotas())
	return c
}

func newPolicyQuotas() *cobra.Command {
	c := listCommand("Say how much of the quotas in policies is taken",
		func(ctx context.Context, at *client.Client) ([]client.Quota, error) { return at.Quotas(ctx) },
		[]string{"NAME", "TAKEN", "ENDS"},
		func(q *client.Quota) []string { return []string{q.Name, fmt.Sprint(q.Taken), minute(&q.Ends)} })
	c.Use = "quotas"
	return c
}

func newPolicySimulate() *cobra.Command {
	var message, rules string
	var days int
	c := &cobra.Command{
		Use:   "simulate NAME USER...",
		Short: "Say what a policy would make of a message to users, or of what came to one in the last days",
		Args:  between(2, 101, "NAME", "USER..."),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&message, "message", "", "the message, as JSON")
	c.Flags().IntVar(&days, "days", 0, "the days of the user's journal, in the place of a message")
	c.Flags().StringVar(&rules, "rules", "", "rules to be tried in the place of those that are saved; - reads them from standard input")
	c.RunE = func(c *cobra.Command, args []string) error {
		rules, err := expression(c, rules)
		if err != nil {
			return err
		}
		o := client.Order{Users: args[1:], Message: []byte(message), Rules: []byte(rules), Days: days}
		if days != 0 && len(args) == 2 {
			o.User, o.Users = args[1], nil
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		s, err := remote.SimulatePolicy(c.Context(), args[0], o)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), s)
		}
		return printSimulation(c.OutOrStdout(), &s)
	}
	return c
}

// printSimulation writes one line a user, or one a message.
func printSimulation(out io.Writer, s *client.Simulation) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if s.Was == nil {
		fmt.Fprintln(t, "USER\tOUTCOME\tREASON")
		for _, u := range s.Users {
			fmt.Fprintf(t, "%s\t%s\t%s\n", u.User, u.Outcome, inLine(u.Reason))
		}
		return t.Flush()
	}
	fmt.Fprintln(t, "AT\tCATEGORY\tWAS\tWOULD BE\tBY")
	for i := range s.Messages {
		m := &s.Messages[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", minute(&m.At), m.Category, m.Was, m.Would, inLine(m.Rule+" "+m.Value))
	}
	return t.Flush()
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
