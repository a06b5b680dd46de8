package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/load/hostile"
)

func newBenchHostile() *cobra.Command {
	var cfg hostile.Config
	c := &cobra.Command{
		Use:   "hostile",
		Short: "Let one user do the worst, and see what the others notice",
		Long: `Let one address and one user with a plain token do the worst all at once: answers
and streams that are not read, connections that say nothing or trickle, floods,
large frames, retained messages; with --broker by MQTT, too. Others work meanwhile. It fails if anything is
refused to them, if their p99 is more than --slower times that of before, or if the
server grows by more than --memory-mib.

The attacker comes from 127.0.0.2, the others from 127.0.0.3 on, so the server runs
here. An inbox of some megabytes makes the attacker worse.`,
		Example: `  reddot bench hostile --attacker "$MALLORY" --others "$ALICE,$BOB" --pid $(pgrep -n reddot)`,
		Args:    exactly(),
	}
	f := c.Flags()
	mib := 0
	f.StringVar(&cfg.URL, "url", "http://127.0.0.1:7777", "the server's `URL`")
	f.StringVar(&cfg.Broker, "broker", "", "the server's `URL` for MQTT, as mqtt://127.0.0.1:1883; none without it")
	f.BoolVar(&cfg.Insecure, "insecure", false, "accept any certificate")
	f.StringVar(&cfg.Attacker, "attacker", "", "the hostile user's `token`")
	f.StringSliceVar(&cfg.Others, "others", nil, "the other users' `tokens`")
	f.DurationVar(&cfg.Duration, "duration", 0, "of the attack; 0: 5m")
	f.IntSliceVar(&cfg.PIDs, "pid", nil, "the server's `processes`")
	f.IntVar(&mib, "memory-mib", 0, "by how much the server may grow; 0: 256")
	f.Float64Var(&cfg.Slower, "slower", 0, "by how much the others' p99 may be longer than before; 0: 2")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg.Memory = int64(mib) << 20
		r, err := hostile.Run(c.Context(), cfg)
		if r != nil {
			text, jsonErr := json.MarshalIndent(r, "", "  ")
			if jsonErr != nil {
				return jsonErr
			}
			if _, printErr := fmt.Fprintln(c.OutOrStdout(), string(text)); printErr != nil {
				return printErr
			}
		}
		return err
	}
	return c
}
