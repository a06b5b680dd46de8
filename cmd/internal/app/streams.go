package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/transports"
	"reddot/transports/eventloop"
	"reddot/transports/streams"
)

// openStreams makes what holds the connections that stay: in event loops where
// the system has them.
func (a *App) openStreams(gate *transports.Gate) error {
	log := a.log.With("part", "streams")
	a.budget = transports.NewBudget(gate.Limits())
	cfg := streams.StreamsConfig{Resume: a.resume, StillValid: a.stands, Now: a.now, Budget: a.budget,
		Sink: streams.SinkConfig{Stall: a.cfg.Load().Limits.WriteStall}}
	if !a.forTests.noLoop {
		loop, err := eventloop.New(eventloop.Config{}, log)
		switch {
		case err == nil:
			a.loop, cfg.Loop = loop, loop
		case !errors.Is(err, errors.ErrUnsupported):
			return err
		}
	}
	a.streams = streams.NewStreams(cfg, a.node, gate, log)
	for _, c := range []prometheus.Collector{streamsCollector{a.streams}, budgetCollector{a.budget}, sessionsCollector{a.node.Topics()}} {
		if err := a.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.endUpkeep = cancel
	go a.streams.Trim(ctx)
	go a.watchClock(ctx)
	return nil
}

func (a *App) closeStreams() error {
	a.endUpkeep()
	if a.loop == nil {
		return nil
	}
	return a.loop.Close()
}

// resume serves the next requests on a connection that was away.
func (a *App) resume(c net.Conn) {
	if err := a.web.server.ServeConn(a.door.Readmit(c)); err != nil {
		a.log.Debug("a connection that came back has ended", "err", err)
		_ = c.Close()
	}
}
