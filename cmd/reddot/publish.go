package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// attempts is how often is tried what may succeed later.
const attempts = 4

func newPublish() *cobra.Command {
	var draft client.Draft
	var to, since, data, key string
	var of template
	var dry bool
	c := &cobra.Command{
		Use:   "publish [USER] TEXT",
		Short: "Publish a message",
		Long: `Publish a message to one user, or with --to to several. TEXT is its body; "-"
reads it from standard input.

The message is published once, however often the network fails: each try comes
under the same idempotency key, one that is made for this call or that of
--idempotency-key, which makes two calls one.`,
		Example: `  reddot publish alice "Your parcel has arrived" --category order
  reddot publish alice "It waits at the front desk" --title "Your parcel" --data '{"order":7}'
  reddot publish --to users:alice,bob "Maintenance at 22:00" --priority high
  reddot publish --to segment:vips "Your lounge has moved"
  reddot publish --to segment:vips "Your lounge has moved" --dry-run
  reddot publish --to all --since publish "Welcome" --category hello
  reddot publish alice --template parcel --variables '{"who":"Alice"}'
  date | reddot publish alice -`,
	}
	r := addRemote(c)
	r.addJSON(c)
	f := c.Flags()
	f.StringVar(&to, "to", "", "`target` instead of USER: user:NAME, users:A,B,…, topic:…, segment:…, list:… or all")
	f.StringVar(&since, "since", "", "for topic, segment, list and all: join means those who are users by now (default), publish also those who join later")
	f.StringVar(&draft.Title, "title", "", "a title")
	f.StringVar(&draft.Category, "category", "", "a category, as order or system; counted apart")
	f.StringVar(&draft.Tenant, "tenant", "", "the workspace of the product that it belongs to; counted apart")
	f.StringVar(&draft.Priority, "priority", "", "low, normal, high or critical")
	f.StringVar(&data, "data", "", "any `JSON` for the client's program")
	f.StringVar(&draft.URL, "link", "", "where the message leads")
	f.StringVar(&draft.CollapseKey, "collapse-key", "", "takes the place of the newest message with this key")
	f.StringVar(&draft.SendAt, "send-at", "", "a `time`, RFC 3339, at which it appears")
	f.StringVar(&draft.ExpiresAt, "expires-at", "", "a `time`, RFC 3339, at which it goes")
	f.StringVar(&key, "idempotency-key", "", "the same key is the same message; default: a new one")
	f.BoolVar(&dry, "dry-run", false, "only say what would come of it: nothing is written")
	of.flags(f)
	c.Args = func(c *cobra.Command, args []string) error {
		var want []string
		if to == "" {
			want = append(want, "USER")
		}
		if of.id == "" {
			want = append(want, "TEXT")
		}
		return exactly(want...)(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		user := ""
		if to == "" {
			user = args[0]
		}
		var err error
		if of.id != "" {
			if draft.Template, err = of.ref(); err != nil {
				return usageError{err, c.CommandPath()}
			}
		} else if draft.Body, err = readText(args[len(args)-1], c.InOrStdin()); err != nil {
			return err
		}
		if draft.To, err = parseTarget(to, since); err != nil {
			return usageError{err, c.CommandPath()}
		}
		if data != "" {
			if !json.Valid([]byte(data)) {
				return usageError{errors.New("--data is no JSON; texts need quotes of their own, as '\"text\"'"), c.CommandPath()}
			}
			draft.Data = json.RawMessage(data)
		}
		switch {
		case key == "" && c.Flags().Changed("idempotency-key"):
			return usageError{errors.New("--idempotency-key is empty: it would make nothing one; leave it out instead"), c.CommandPath()}
		case key == "":
			key = uuid.NewString()
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		if dry {
			return r.rehearse(c.Context(), c.OutOrStdout(), remote, user, draft, key)
		}
		var done client.Published
		err = again(c.Context(), func() (err error) {
			done, err = remote.Publish(c.Context(), user, draft, key)
			return err
		})
		if err != nil {
			return err
		}
		return r.printPublished(c.OutOrStdout(), done)
	}
	return c
}

// again does what may be done twice, and repeats it where it may succeed later.
func again(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() || attempt == attempts {
			return err
		}
		wait := time.Duration(attempt) * 200 * time.Millisecond
		var p *client.Problem
		if errors.As(err, &p) {
			wait = max(wait, p.RetryAfter)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (r *remote) printPublished(w io.Writer, p client.Published) error {
	if r.json {
		return writeJSON(w, p)
	}
	outcome := p.Outcome
	if outcome == "delivered" {
		outcome = ""
	}
	fmt.Fprint(w, p.ID)
	printOutcome(w, outcome, p.Reason, p.Counts)
	if p.Recipients != nil {
		fmt.Fprint(w, "  for ", number(*p.Recipients, "user"))
	}
	fmt.Fprintln(w)
	return nil
}

// printOutcome prints what is known of it.
func printOutcome(w io.Writer, outcome, reason string, counts *client.Counts) {
	if outcome != "" {
		fmt.Fprint(w, "  ", outcome)
	}
	if reason != "" {
		fmt.Fprint(w, ": ", reason)
	}
	if counts != nil {
		fmt.Fprint(w, "  ", countsLine(*counts))
	}
}

// rehearse prints what would come of a publish.
func (r *remote) rehearse(ctx context.Context, w io.Writer, remote *client.Client, user string, d client.Draft, key string) error {
	var said json.RawMessage
	err := again(ctx, func() (err error) {
		said, err = remote.DryRun(ctx, user, d, key)
		return err
	})
	if err != nil {
		return err
	}
	if r.json {
		return writeJSON(w, said)
	}
	var p client.Published
	if err := json.Unmarshal(said, &p); err != nil {
		return fmt.Errorf("the server answers what is no dry run: %w", err)
	}
	if p.Replayed {
		fmt.Fprint(w, "nothing new: the key has published ", p.ID)
	} else {
		fmt.Fprint(w, "would be accepted")
	}
	printOutcome(w, p.Outcome, p.Reason, p.Counts)
	if p.Recipients != nil {
		fmt.Fprint(w, "  for ", number(*p.Recipients, "user"))
	}
	fmt.Fprintln(w)
	for _, u := range p.Users {
		fmt.Fprint(w, u.User)
		printOutcome(w, u.Outcome, u.Reason, u.Counts)
		fmt.Fprintln(w)
	}
	return nil
}

// readText returns the text, or standard input for "-", without the line's end.
func readText(text string, in io.Reader) (string, error) {
	if text != "-" {
		return text, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// parseTarget reads the values of --to and --since.
func parseTarget(text, since string) (*client.To, error) {
	to, err := parseTo(text)
	switch {
	case err != nil || since == "":
		return to, err
	case since != "join" && since != "publish":
		return nil, fmt.Errorf("--since %s: write join or publish", since)
	case to == nil || to.User != "" || len(to.Users) > 0:
		return nil, errors.New("--since goes with --to topic:…, segment:…, list:… and all: who is named gets the message in any case")
	}
	to.Since = since
	return to, nil
}

// parseTo reads the value of --to.
func parseTo(text string) (*client.To, error) {
	kind, name, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, nil
	case text == "all":
		return &client.To{All: true}, nil
	case name == "":
		// falls through to the error
	case kind == "user":
		return &client.To{User: name}, nil
	case kind == "users":
		return &client.To{Users: strings.Split(name, ",")}, nil
	case kind == "topic":
		return &client.To{Topic: name}, nil
	case kind == "segment":
		return &client.To{Segment: name}, nil
	case kind == "list":
		return &client.To{List: name}, nil
	}
	return nil, fmt.Errorf("--to %s: write user:NAME, users:A,B, topic:NAME, segment:NAME, list:NAME or all", text)
}
