package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"reddot/cmd/internal/chaos"
)

func main() {
	if status, inside := chaos.Inside(); inside {
		os.Exit(status)
	}
	if err := command(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func command() error {
	var cfg chaos.Config
	seeds := flag.Int("seeds", 1, "how many `runs`, each with the seed after the last one's")
	mode := flag.String("mode", string(chaos.Storm), "storm: all faults, and a judge; loss: databases that lose what they had last; pauses: how long users are away; calm: full load without a fault")
	flag.StringVar(&cfg.Binary, "binary", "bin/reddot-faults", "the server's `program`, built with -tags faults")
	flag.Uint64Var(&cfg.Seed, "seed", 0, "0: one of chance")
	flag.DurationVar(&cfg.For, "for", 0, "how long faults happen (3m), or full load")
	flag.IntVar(&cfg.Nodes, "servers", 0, "how many there are (4)")
	flag.IntVar(&cfg.Users, "users", 0, "how many there are (24)")
	flag.IntVar(&cfg.Callers, "callers", 0, "how many call at a time (8)")
	flag.IntVar(&cfg.Clients, "clients", 0, "how many watch (48)")
	flag.IntVar(&cfg.Rounds, "rounds", 0, "with pauses: how many kills and freezes (20)")
	flag.BoolVar(&cfg.TLS, "tls", false, "let clients and devices come by TLS")
	flag.StringVar(&cfg.Keep, "keep", "", "`directory` for the servers' logs")
	flag.BoolVar(&cfg.Verbose, "verbose", false, "let servers log at debug level")
	flag.Parse()
	cfg.Mode = chaos.Mode(*mode)
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64N(1_000_000) + 1
	}
	var err error
	if cfg.Binary, err = filepath.Abs(cfg.Binary); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	for range *seeds {
		if err := chaos.Run(ctx, cfg, os.Stdout); err != nil {
			return err
		}
		cfg.Seed++
	}
	return nil
}
