package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newCategory() *cobra.Command {
	c := &cobra.Command{
		Use:   "category",
		Short: "Say what people call a category of messages, and which channels bring it",
		Example: `  reddot category put order '{"names":{"en":"Orders","zh":"订单"},"channels":{"sms":false},"locked":true}'
  reddot category list`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCategoryPut(), newCategoryList(), newCategoryRemove())
	return c
}

func newCategoryPut() *cobra.Command {
	c := &cobra.Command{
		Use:   "put ID JSON",
		Short: "Save a category: names, channels, locked, marketing; - reads it from standard input",
		Args:  exactly("ID", "JSON"),
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
		saved, err := remote.PutCategory(c.Context(), args[0], []byte(body))
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), saved)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s is at version %d\n", saved.ID, saved.Version)
		return nil
	}
	return c
}

func newCategoryList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the categories of the app", Args: exactly()}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		list, err := remote.Categories(c.Context())
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), list)
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tVERSION\tUPDATED\tBY\tKIND\tNAMES")
		for i := range list {
			g := &list[i]
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", g.ID, g.Version, minute(&g.UpdatedAt), g.UpdatedBy, categoryKind(g), categoryNames(g))
		}
		return t.Flush()
	}
	return c
}

func categoryKind(g *client.Category) string {
	switch {
	case g.Locked:
		return "locked"
	case g.Marketing:
		return "marketing"
	}
	return "-"
}

func categoryNames(g *client.Category) string {
	var names []string
	for _, locale := range slices.Sorted(maps.Keys(g.Names)) {
		names = append(names, locale+": "+inLine(g.Names[locale]))
	}
	return strings.Join(names, ", ")
}

func newCategoryRemove() *cobra.Command {
	c := &cobra.Command{Use: "rm ID", Short: "Delete a category", Args: exactly("ID")}
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if err := remote.RemoveCategory(c.Context(), args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "deleted %s\n", args[0])
		return nil
	}
	return c
}
