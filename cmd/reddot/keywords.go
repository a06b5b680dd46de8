package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newKeywords() *cobra.Command {
	c := &cobra.Command{
		Use:   "keywords",
		Short: "Block or mask words in all messages",
		Long: `Keep lists of words by which all messages of the app are screened: a message with a word
to block or to review is refused, one to mask is written as ***. An allow word is one in
which such a word stands by chance. To see lists takes a key with the scope read, author
or admin; to change them author or admin.`,
		Example: `  reddot keywords add ads "free money" jackpot
  reddot keywords add rude --action mask damn
  reddot keywords add rude --action allow amsterdamn
  reddot keywords test rude "D.a.m.n" --all
  reddot keywords list rude --json > rude.ndjson`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeywordsChange(false), newKeywordsChange(true), newKeywordsList(), newKeywordsTest(), removeCommand("LIST", "Delete a list with its words",
		func(ctx context.Context, at *client.Client, name string) error { return at.DeleteKeywords(ctx, name) }))
	return c
}

// keywordsChunk is how many words are sent at a time.
const keywordsChunk = 20_000

// newKeywordsChange puts words into a list, or takes them out with remove.
func newKeywordsChange(remove bool) *cobra.Command {
	use, short, example := "add", "Put words into a list, or set their actions", `  reddot keywords add ads "free money" jackpot
  reddot keywords add ads --action review --file words.txt`
	if remove {
		use, short, example = "remove", "Take words out of a list", "  reddot keywords remove ads jackpot"
	}
	var action, file string
	c := &cobra.Command{
		Use:   use + " LIST [WORD…]",
		Short: short,
		Long: short + `: those that are named, and those of --file, one a line. A line is a word, or
JSON with it, as keywords list --json prints it. All may be sent again.`,
		Example: example,
		Args:    between(1, math.MaxInt, "LIST", "[WORD…]"),
	}
	r := addRemote(c)
	c.Flags().StringVarP(&file, "file", "f", "", "a `FILE` of words; - reads the standard input")
	if !remove {
		c.Flags().StringVar(&action, "action", "block", "of words without one: block, mask, review or allow")
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 && file == "" {
			return usageError{errors.New("name words, or a file of them with --file"), c.CommandPath()}
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		words := make([]client.Keyword, 0, len(args))
		for _, word := range args[1:] {
			words = append(words, client.Keyword{Word: word, Action: action})
		}
		if words, err = readKeywords(c, words, file, action); err != nil {
			return err
		}
		done, err := changeKeywords(c.Context(), remote, args[0], remove, words)
		fmt.Fprintf(c.ErrOrStderr(), "%s: %d added, %d changed, %d removed\n", args[0], done.Added, done.Changed, done.Removed)
		return err
	}
	return c
}

// readKeywords appends the words of a file, unless that is empty.
func readKeywords(c *cobra.Command, words []client.Keyword, file, action string) ([]client.Keyword, error) {
	if file == "" {
		return words, nil
	}
	in := c.InOrStdin()
	if file != "-" {
		f, err := os.Open(filepath.Clean(file))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		w := client.Keyword{Word: line, Action: action}
		if strings.HasPrefix(line, "{") {
			w.Word = ""
			if json.Unmarshal([]byte(line), &w) != nil || w.Word == "" {
				return nil, fmt.Errorf(`line %d names no word; write a word, or {"word":"WORD","action":"block"}`, n)
			}
		}
		words = append(words, w)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return words, nil
}

// changeKeywords sends words in chunks, again and again what may succeed later.
func changeKeywords(ctx context.Context, remote *client.Client, list string, remove bool, words []client.Keyword) (all client.KeywordChange, err error) {
	for len(words) > 0 {
		chunk := words[:min(len(words), keywordsChunk)]
		err := again(ctx, func() error {
			done, err := remote.ChangeKeywords(ctx, list, remove, chunk)
			all = client.KeywordChange{Added: all.Added + done.Added, Changed: all.Changed + done.Changed, Removed: all.Removed + done.Removed}
			return err
		})
		if err != nil {
			return all, err
		}
		words = words[len(chunk):]
	}
	return all, nil
}

func newKeywordsList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list [LIST]",
		Short: "Print the app's lists, or the words of one",
		Args:  between(0, 1, "[LIST]"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			all, err := remote.KeywordLists(c.Context())
			if err != nil {
				return err
			}
			if r.json {
				return writeJSON(c.OutOrStdout(), all)
			}
			return printKeywordLists(c.OutOrStdout(), all)
		}
		out := bufio.NewWriter(c.OutOrStdout())
		err = remote.Keywords(c.Context(), args[0], func(w client.Keyword) error {
			if r.json {
				return writeJSON(out, w)
			}
			_, err := fmt.Fprintf(out, "%-6s  %s\n", w.Action, inLine(w.Word))
			return err
		})
		return errors.Join(err, out.Flush())
	}
	return c
}

// printKeywordLists writes one line a list.
func printKeywordLists(out io.Writer, all []client.KeywordList) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tWORDS\tUPDATED")
	for _, l := range all {
		fmt.Fprintf(t, "%s\t%d\t%s\n", l.Name, l.Words, minute(&l.UpdatedAt))
	}
	return t.Flush()
}

func newKeywordsTest() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "test LIST TEXT",
		Short: "Print what a list finds in a text, and the text as it is masked; - reads it from standard input",
		Args:  exactly("LIST", "TEXT"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().BoolVar(&all, "all", false, "what all lists of the app find, allow words included")
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := expression(c, args[1])
		if err != nil {
			return err
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		found, err := remote.TestKeywords(c.Context(), args[0], text, all)
		if err != nil {
			return err
		}
		if r.json {
			return writeJSON(c.OutOrStdout(), found)
		}
		for _, h := range found.Hits {
			fmt.Fprintf(c.OutOrStdout(), "%s  %s  %s, at %d, %s\n", h.Action, h.List, inLine(h.Word), h.At, number(h.Length, "character"))
		}
		if n := found.Count - len(found.Hits); n > 0 {
			fmt.Fprintf(c.OutOrStdout(), "and %d more\n", n)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), inLine(found.Text))
		return err
	}
	return c
}
