package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	c.AddCommand(
		putCommand([2]string{"ID", "JSON"}, "Save a category: names, channels, locked, marketing; - reads it from standard input",
			func(ctx context.Context, at *client.Client, id, body string) (client.Category, error) {
				return at.PutCategory(ctx, id, []byte(body))
			},
			func(g *client.Category) (string, uint64) { return g.ID, g.Version }),
		listCommand("List the categories of the app",
			func(ctx context.Context, at *client.Client) ([]client.Category, error) { return at.Categories(ctx) },
			[]string{"ID", "VERSION", "UPDATED", "BY", "KIND", "NAMES"},
			func(g *client.Category) []string {
				return []string{g.ID, fmt.Sprint(g.Version), minute(&g.UpdatedAt), g.UpdatedBy, categoryKind(g), categoryNames(g)}
			}),
		removeCommand("ID", "Delete a category",
			func(ctx context.Context, at *client.Client, id string) error { return at.RemoveCategory(ctx, id) }))
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
