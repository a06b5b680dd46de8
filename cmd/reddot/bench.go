package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/load"
)

func newBench() *cobra.Command {
	var cfg load.Config
	var transport, audience string
	var serveFloor bool
	c := &cobra.Command{
		Use:   "bench [SCENARIO]",
		Short: "Measure a server",
		Long: `Measure a server, and check it: what was lost, doubled, out of order or wrongly
counted is told beside the rates, and makes the run a failure.

Scenarios: ` + strings.Join(load.Scenarios(), ", ") + `.

With --pid the server's CPU time and memory are measured too. Run it against a
server of your own: it publishes as fast as it can.`,
		Example: `  reddot bench --duration 5s --pid $(pgrep -n reddot)
  reddot bench broadcast --transport ws --users 1 --connections 10000 --audience user
  reddot bench broadcast --stored 1000000 --users 10000 --in-flight 16 --singles 200
  reddot bench durable --batch 500 --json
  reddot bench idle --transport mqtt --connections 10 --pid $(pgrep -n reddot)
  reddot bench --topics --transport mqtt --qos 1 --rival mqtt://127.0.0.1:1884`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly("SCENARIO")(c, args)
			}
			return nil
		},
	}
	c.AddCommand(newBenchHostile())
	f := c.Flags()
	r := addRemote(c)
	f.Lookup("timeout").Usage = "of a request, and of a connection's start"
	f.BoolVar(&cfg.Insecure, "insecure", false, "accept any certificate")
	f.StringVar(&transport, "transport", "sse", "poll, longpoll, iframe, sse, ws or mqtt")
	f.StringVar(&cfg.Broker, "broker", "mqtt://127.0.0.1:1883", "mqtt: the server's `URL` for MQTT")
	f.DurationVar(&cfg.PingEvery, "ping-every", 0, "mqtt: the pause between two pings of a client; 0: 45s")
	f.IntVar(&cfg.QoS, "qos", 0, "mqtt: 0 or 1")
	f.BoolVar(&cfg.Topics, "topics", false, "messages go to live topics, not to inboxes")
	f.StringVar(&cfg.PublishBy, "publish-by", "", "topics: http or mqtt; default: mqtt, if that is the transport")
	f.StringVar(&cfg.Rival, "rival", "", "topics: the `URL` of another broker of MQTT, to be measured in turn")
	f.IntSliceVar(&cfg.RivalPIDs, "rival-pid", nil, "the rival's process, if it runs here")
	f.IntVar(&cfg.Users, "users", 1000, "distinct users")
	f.IntVar(&cfg.Connections, "connections", 0, "connections a user; 0: as the scenario likes, -1: none")
	f.IntVar(&cfg.Publishers, "publishers", 32, "connections that publish")
	f.Float64Var(&cfg.Rate, "rate", 0, "messages a second, on schedule; 0: as fast as answers come")
	f.IntVar(&cfg.BodySize, "body", 128, "bytes of a message's body")
	f.IntVar(&cfg.Batch, "batch", 0, "messages in one request to /v1/messages/batch; 0: no batches")
	f.StringVar(&audience, "audience", "", "broadcast: all, followers, segment (half of the users), user, or topic")
	f.IntVar(&cfg.Window, "in-flight", 0, "broadcast: how many under way; 0: 2")
	f.IntVar(&cfg.Window, "window", 0, "")
	f.IntVar(&cfg.Stored, "stored", 0, "broadcast: users besides, who are away")
	f.IntVar(&cfg.Woken, "woken", 0, "broadcast: how many of them are read at the end; 0: up to 10,000")
	f.Float64Var(&cfg.Singles, "singles", 0, "broadcast: messages a second to one user each, before and beside")
	f.IntVar(&cfg.Missed, "missed", 0, "storm: messages that each user misses")
	f.IntVar(&cfg.Slow, "slow", 0, "slow: users that never read")
	f.IntVar(&cfg.SlowBytes, "slow-bytes", 0, "slow: bytes to each user")
	f.DurationVar(&cfg.Duration, "duration", 0, "how long is measured; 0: 10s; slow and storm take what they need")
	f.DurationVar(&cfg.WarmUp, "warm-up", 0, "unmeasured, before; 0: 2s, negative: none")
	f.DurationVar(&cfg.Drain, "drain", 0, "how long to wait for stragglers; 0: 5s")
	f.DurationVar(&cfg.PollEvery, "poll-every", 0, "poll: the pause; 0: 1s")
	f.DurationVar(&cfg.PollWait, "poll-wait", 0, "longpoll: the time asked for; 0: 25s")
	f.IntVar(&cfg.Connecting, "connecting", 0, "connections that start at a time; 0: 256")
	f.IntVar(&cfg.InboxLimit, "inbox-limit", 0, "the server's inbox.messages; 0: 1000")
	f.StringVar(&cfg.Prefix, "prefix", "", "begins the users' names; default: new users each run")
	f.StringSliceVar(&cfg.Sources, "sources", nil, "local `addresses` to connect from, in turn")
	f.IntVar(&cfg.Workers, "workers", 0, "goroutines; 0: 1")
	f.IntSliceVar(&cfg.PIDs, "pid", nil, "the servers' `processes`, if they run here")
	f.BoolVar(&cfg.Floor, "floor", false, "measure the bare write loop too, in turn")
	f.IntVar(&cfg.Runs, "runs", 1, "how often")
	r.addJSON(c)
	f.BoolVar(&serveFloor, "serve-floor", false, "")
	for _, name := range []string{"serve-floor", "window"} { // window is what in-flight was called
		if err := f.MarkHidden(name); err != nil {
			panic(err) // the flag stands above
		}
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if serveFloor {
			return load.ServeFloor(c.Context(), c.OutOrStdout(), c.InOrStdin())
		}
		if len(args) == 1 {
			cfg.Scenario = args[0]
		}
		cfg.URLs, cfg.Token, cfg.Timeout, cfg.JSON = strings.Split(r.url, ","), r.key, r.timeout, r.json
		if cfg.Token == "" {
			cfg.Token = os.Getenv("REDDOT_KEY")
		}
		cfg.Transport, cfg.Audience = load.Transport(transport), load.Audience(audience)
		report, err := load.Run(c.Context(), cfg, c.OutOrStdout(), c.ErrOrStderr())
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		return report.Err()
	}
	return c
}
