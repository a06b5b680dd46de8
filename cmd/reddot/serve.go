package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/config"
)

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a server",
		Long: `Run a server until SIGTERM or Ctrl-C.

The configuration comes from a YAML file, from REDDOT_… variables and from
flags, in that order of growing weight; "reddot check --reference" prints a file
with every setting. SIGHUP reloads what can change and says what cannot.

With --dev nobody needs a token: it is for trying Reddot out and for developing
against it. The data stays in --data, there too.`,
		Example: `  reddot serve --dev
  reddot serve --config /etc/reddot.yaml
  REDDOT_LOG_FORMAT=json reddot serve --http :7777 --data /var/lib/reddot`,
		Args: exactly(),
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load()
		if err != nil {
			return err
		}
		log, level := app.NewLog(cfg.Log, c.ErrOrStderr())
		return serve(cfg, s, log, level, c.OutOrStdout())
	}
	return c
}

// serve runs a server until it is told to stop, or fails.
func serve(cfg config.Config, s *settings, log *slog.Logger, level *slog.LevelVar, out io.Writer) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	a := app.New(cfg, log, level)
	err := a.Start(ctx)
	cancel()
	if err != nil {
		return err
	}
	welcome(out, a.URL(), cfg.Dev)
	for {
		select {
		case err := <-a.Failed():
			if app.StoreFailed(err) {
				log.Error("the server ends at once", "err", err)
				a.Abort()
				return toldError{err}
			}
			log.Error("the server cannot go on", "err", err)
			return errors.Join(err, stop(a, cfg, log, signals))
		case <-a.Drained():
			log.Info("stopping, as an operator has asked")
			return stop(a, cfg, log, signals)
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				log.Info("stopping; a second signal ends at once", "signal", sig.String())
				return stop(a, cfg, log, signals)
			}
			reload(a, s, log)
		}
	}
}

// startTimeout bounds the start: after a crash the store replays its log first.
const startTimeout = 10 * time.Minute

// stop stops the server in good order, unless a second signal comes.
func stop(a *app.App, cfg config.Config, log *slog.Logger, signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(cfg.Stop.Timeout))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.Stop(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				log.Warn("ended at once; what was not answered may or may not be stored", "signal", sig.String())
				return errAtOnce
			}
		}
	}
}

var errAtOnce = errors.New("ended by a second signal")

// reload reads the configuration again from where it came from.
func reload(a *app.App, s *settings, log *slog.Logger) {
	cfg, err := s.load()
	if err == nil {
		err = a.Reload(cfg)
	}
	if err != nil {
		log.Error("the configuration was not reloaded; the old one goes on", "err", err)
	}
}

// welcome tells a person what to do next.
func welcome(w io.Writer, url string, dev bool) {
	if !dev {
		fmt.Fprintf(w, "Reddot is at %s\n", url)
		return
	}
	fmt.Fprintf(w, `
  Reddot is at %[1]s  (open it in a browser)

  Publish something:
    curl %[1]s/v1/users/alice/messages -d '{"title":"Hello"}'
    reddot publish alice "Hello" --url %[1]s

`, url)
}
