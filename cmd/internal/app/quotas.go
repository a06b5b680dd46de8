package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors/quota"
)

// openQuotas lets the node have a table of what users of an app share.
func (a *App) openQuotas(context.Context) error {
	a.quotas = quota.New(a.store, a.nowMilli)
	a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "reddot_quotas_spent_total", Help: "Messages that were spent of quotas here.",
	}, func() float64 { return float64(a.quotas.Spent()) }))
	return nil
}

// closeQuotas gives back what was not spent.
func (a *App) closeQuotas(ctx context.Context) error { return a.quotas.Close(ctx) }
