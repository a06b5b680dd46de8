package api

import (
	_ "embed"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"reddot/actors"
	"reddot/transports"
)

// document is the API's description in OpenAPI 3.1, as /openapi.yaml serves it.
//
//go:embed openapi.yaml
var document []byte

// healthy is GET /healthz: the process answers, and is not about to end.
func healthy(c *call) error {
	if err := asked(c.api.deps.Healthy, "this node is not healthy"); err != nil {
		return err
	}
	c.reply(fasthttp.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// ready is GET /readyz: the node wants traffic.
func ready(c *call) error {
	if err := asked(c.api.deps.Ready, "this node is not ready for traffic"); err != nil {
		return err
	}
	c.reply(fasthttp.StatusOK, []byte(`{"status":"ready"}`))
	return nil
}

// asked returns what the node says about itself, nil: all is well. f may be
// nil.
func asked(f func() error, detail string) error {
	if f == nil {
		return nil
	}
	err := f()
	if err == nil {
		return nil
	}
	e := &actors.Error{Code: actors.Unavailable, Detail: detail, Cause: err}
	if why := (*actors.Error)(nil); errors.As(err, &why) {
		e.Detail += ": " + why.Detail // a sentence that may be shown
	}
	return e
}

// clusterStatus is GET /v1/cluster: the members, and what each owns and holds.
func clusterStatus(c *call) error {
	f := c.api.deps.Cluster
	if f == nil {
		return actors.Errorf(actors.NotFound, "this server does not say what it knows of a cluster")
	}
	return c.encode(fasthttp.StatusOK, f(c.api.deadlines.Next()))
}

// drainNode is POST /v1/cluster/drain: this node hands over what it has, sends
// its clients away, and ends.
func drainNode(c *call) error {
	f := c.api.deps.Drain
	if f == nil {
		return actors.Errorf(actors.NotFound, "this server can't be drained by request")
	}
	err := c.audited(c.entry("", transports.AuditDrain, "", nil, nil), func() error {
		f()
		return nil
	})
	if err != nil {
		return err
	}
	c.reply(fasthttp.StatusAccepted, []byte(`{"status":"draining"}`))
	return nil
}

// serveDocument is GET /openapi.yaml.
func serveDocument(c *call) error {
	c.SetContentType("application/yaml") // RFC 9512
	c.Response.SetBodyRaw(document)
	return nil
}

// metricsHandler is GET /metrics. At most two scrapes run at a time.
func metricsHandler(g prometheus.Gatherer) func(*call) error {
	h := promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 2, DisableCompression: true})
	return plainHandler(fasthttpadaptor.NewFastHTTPHandler(h))
}
