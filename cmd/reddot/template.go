package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newTemplate() *cobra.Command {
	c := &cobra.Command{
		Use:   "template",
		Short: "Write templates of messages, review them, and see what they say",
		Long: `Write, review and publish templates. A version goes from draft to in_review to
approved, and then live; another principal than its author approves it, by its hash.
To write takes a key with the scope author, to review one with approve; admin is both.`,
		Example: `  reddot template put parcel parcel.json
  reddot template preview parcel --user alice --data '{"who":"Alice"}'
  reddot template submit parcel
  reddot template diff parcel
  reddot template approve parcel 1 3f0b9c2d
  reddot template publish parcel 1`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTemplateList(), newTemplateGet(), newVersions(client.TemplateTexts), newPut(client.TemplateTexts), newArchive(client.TemplateTexts), newTemplateDiff(), newTemplatePreview(), newTemplateTest(),
		newMove(client.TemplateTexts, "submit", "submit ID [VERSION]", "Ask for the review of a draft", between(1, 2, "ID [VERSION]")),
		newMove(client.TemplateTexts, "approve", "approve ID VERSION HASH", "Approve a version that is in review; of the hash 8 digits are enough", exactly("ID", "VERSION", "HASH")),
		newMove(client.TemplateTexts, "reject", "reject ID VERSION REASON", "Reject a version that is in review", exactly("ID", "VERSION", "REASON")),
		newMove(client.TemplateTexts, "publish", "publish ID VERSION", "Make an approved version the live one", exactly("ID", "VERSION")),
		newMove(client.TemplateTexts, "rollback", "rollback ID [VERSION]", "Go back to the version that was live last, or to another", between(1, 2, "ID [VERSION]")))
	return c
}

func newTemplateList() *cobra.Command {
	return clientCommand(&cobra.Command{Use: "list", Short: "List the templates of the app", Args: exactly()},
		func(c *cobra.Command, r *remote, at *client.Client, _ []string) error {
			list, err := at.Templates(c.Context())
			if err != nil {
				return err
			}
			if r.json {
				return writeJSON(c.OutOrStdout(), list)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tLIVE\tNEWEST\tSTATE\tUPDATED\tBY")
			for i := range list {
				x := &list[i]
				live := "-"
				if x.Live > 0 {
					live = strconv.FormatUint(x.Live, 10)
				}
				fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\n", x.ID, live, x.Version, x.State, minute(&x.UpdatedAt), x.UpdatedBy)
			}
			return t.Flush()
		})
}

func newTemplateGet() *cobra.Command {
	var version uint64
	c := &cobra.Command{Use: "get ID", Short: "Print what a version says, as put takes it", Args: exactly("ID")}
	c.Flags().Uint64Var(&version, "version", 0, "of this version; 0: the newest")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		x, err := at.Template(c.Context(), args[0], version)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), x)
		}
		return printIndented(c.OutOrStdout(), struct {
			Category  string          `json:"category,omitempty"`
			Locale    string          `json:"locale"`
			Variables json.RawMessage `json:"variables,omitempty"`
			Content   json.RawMessage `json:"content"`
		}{x.Category, x.Locale, x.Variables, x.Content})
	})
}

// printIndented writes v as JSON for people.
func printIndented(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func newTemplateDiff() *cobra.Command {
	var from, to uint64
	c := &cobra.Command{Use: "diff ID", Short: "Print how the newest version differs from the live one, or any from any", Args: exactly("ID")}
	c.Flags().Uint64Var(&from, "from", 0, "this version; 0: the live one")
	c.Flags().Uint64Var(&to, "to", 0, "this version; 0: the newest")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		d, err := at.DiffTemplate(c.Context(), args[0], from, to)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), d)
		}
		for i := range d.Changes {
			printChange(c.OutOrStdout(), &d.Changes[i])
		}
		return nil
	})
}

func printChange(w io.Writer, x *client.TemplateChange) {
	fmt.Fprintf(w, "%s\n", x.Field)
	for _, l := range x.Lines {
		fmt.Fprintf(w, "  %s %d: %s\n", l.Sign, l.Line, inLine(l.Text))
	}
	if len(x.Lines) > 0 {
		return
	}
	if x.From != nil {
		fmt.Fprintf(w, "  - %s\n", inLine(fmt.Sprint(x.From)))
	}
	if x.To != nil {
		fmt.Fprintf(w, "  + %s\n", inLine(fmt.Sprint(x.To)))
	}
}

func newTemplatePreview() *cobra.Command {
	var t client.TemplateTrial
	var data string
	c := &cobra.Command{Use: "preview ID", Short: "Print what a version says to a user, or in a locale", Args: exactly("ID")}
	c.Flags().StringVar(&t.User, "user", "", "in the locale of this user")
	c.Flags().StringVar(&t.Locale, "locale", "", "in this locale, as zh-CN")
	c.Flags().StringVar(&data, "data", "", "the variables, a `JSON` object")
	c.Flags().StringVar(&t.Channel, "channel", "", "by this channel alone")
	c.Flags().Uint64Var(&t.Version, "version", 0, "of this version; 0: the newest")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		return r.try(c, at, args[0], "preview", &t, data)
	})
}

func newTemplateTest() *cobra.Command {
	var t client.TemplateTrial
	var data string
	c := &cobra.Command{Use: "test-send ID USER", Short: "Send a version to a user with the tag tester", Args: exactly("ID", "USER")}
	c.Flags().StringVar(&t.Locale, "locale", "", "in this locale, not in that of the user")
	c.Flags().StringVar(&data, "data", "", "the variables, a `JSON` object")
	c.Flags().Uint64Var(&t.Version, "version", 0, "this version; 0: the newest")
	return clientCommand(c, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		t.User = args[1]
		return r.try(c, at, args[0], "test-send", &t, data)
	})
}

// try asks for a preview or a test, and prints what comes of it.
func (r *remote) try(c *cobra.Command, at *client.Client, id, how string, t *client.TemplateTrial, data string) error {
	if data != "" {
		if !json.Valid([]byte(data)) {
			return usageError{errors.New("--data is no JSON"), c.CommandPath()}
		}
		t.Data = json.RawMessage(data)
	}
	out, err := at.TryTemplate(c.Context(), id, how, *t)
	if err != nil {
		return err
	}
	if r.json {
		return writeJSON(c.OutOrStdout(), out)
	}
	return printIndented(c.OutOrStdout(), out)
}
