package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newTail() *cobra.Command {
	var w client.Watch
	var transport string
	c := &cobra.Command{
		Use:   "tail USER",
		Short: "Follow a user's events",
		Long: `Follow a user's events until Ctrl-C. A lost connection is made again, and goes on
behind the last event: none is missed, none comes twice.`,
		Example: `  reddot tail alice
  reddot tail alice --mqtt mqtt://127.0.0.1:1883
  reddot tail alice --transport ws --json | jq .counts.unread`,
		Args: exactly("USER"),
	}
	r := addRemote(c)
	r.addJSON(c)
	c.Flags().StringVar(&transport, "transport", "sse", "sse, ws or longpoll")
	c.Flags().StringVar(&w.Broker, "mqtt", "", "follow by MQTT, from this `URL`: mqtt://, mqtts://, ws:// or wss://; what was missed while it was away comes from --url")
	c.Flags().StringVar(&w.After, "after", "", "begin behind this `cursor`; default: now")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		w.User, w.Transport = args[0], client.Transport(transport)
		if w.Broker != "" {
			w.Transport = client.MQTT
		}
		switch w.Transport {
		case client.MQTT:
		case client.SSE, client.WebSocket, client.LongPoll:
		default:
			return usageError{fmt.Errorf("--transport %s: there are sse, ws and longpoll, and --mqtt", transport), c.CommandPath()}
		}
		w.Event = func(e client.Event) error { return r.printEvent(c.OutOrStdout(), e) }
		w.Retry = func(err error, in time.Duration) {
			fmt.Fprintf(c.ErrOrStderr(), "reddot: %v; again in %v\n", err, in.Round(100*time.Millisecond))
		}
		return remote.Watch(c.Context(), w)
	}
	return c
}

func (r *remote) printEvent(w io.Writer, e client.Event) error {
	if r.json {
		_, err := fmt.Fprintf(w, "%s\n", e.Raw)
		return err
	}
	s := time.Now().Format(time.TimeOnly) + "  " + fmt.Sprintf("%-8s", e.Type)
	switch {
	case e.Message != nil:
		s += "  " + messageLine(*e.Message)
	case len(e.IDs) > 0:
		s += "  " + strings.TrimSpace(e.State+" "+strings.Join(e.IDs, " "))
	}
	if e.Counts != nil {
		s += "  [" + countsLine(*e.Counts) + "]"
	}
	_, err := fmt.Fprintln(w, s)
	return err
}

// messageLine is what people read of a message. Control characters, which
// could take a terminal over, are left out.
func messageLine(m client.Message) string {
	text := m.Title
	if text != "" && m.Body != "" {
		text += ": "
	}
	text += m.Body
	if text == "" {
		text = string(m.Data)
	}
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return ' '
		case c < ' ' || c >= 0x7f && c < 0xa0:
			return -1
		}
		return c
	}, text)
	return text
}
