package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/client"
)

// remote are the flags of a command that talks to a server.
type remote struct {
	url, key string
	timeout  time.Duration
	json     bool
}

// defaultURL is where reddot serve listens if it is not told otherwise.
const defaultURL = "http://127.0.0.1:7777"

func addRemote(c *cobra.Command) *remote {
	r := &remote{}
	url := os.Getenv("REDDOT_URL")
	if url == "" {
		url = defaultURL
	}
	c.Flags().StringVar(&r.url, "url", url, "the server's `URL` (REDDOT_URL)")
	// The default is not shown: it may be a key.
	c.Flags().StringVar(&r.key, "key", "", "a server `key` or a user's token (REDDOT_KEY); a server with --dev needs none")
	c.Flags().DurationVar(&r.timeout, "timeout", 30*time.Second, "of a request")
	return r
}

// addJSON gives the command the flag that makes its output a machine's.
func (r *remote) addJSON(c *cobra.Command) {
	c.Flags().BoolVar(&r.json, "json", false, "print JSON")
}

func (r *remote) client() (*client.Client, error) {
	key := r.key
	if key == "" {
		key = os.Getenv("REDDOT_KEY")
	}
	c, err := client.New(client.Config{URL: r.url, Key: strings.TrimSpace(key), Timeout: r.timeout, Agent: "reddot/" + app.Version().Version})
	if err != nil {
		return nil, usageError{error: err}
	}
	return c, nil
}

// writeJSON prints v on a line of its own.
func writeJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// countsLine is what people read of counts.
func countsLine(c client.Counts) string {
	s := fmt.Sprintf("%d unread, %d unseen", c.Unread, c.Unseen)
	for _, by := range []map[string]int{c.ByCategory, c.ByTenant} {
		var parts []string
		for _, name := range sortedKeys(by) {
			parts = append(parts, fmt.Sprintf("%s %d", name, by[name]))
		}
		if len(parts) > 0 {
			s += " (" + strings.Join(parts, ", ") + ")"
		}
	}
	return s
}

// number writes how many there are of what one is called.
func number(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// pause waits before a request is repeated.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
