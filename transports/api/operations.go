package api

import (
	_ "embed"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"reddot/actors"
)

// Document is the API's description in OpenAPI 3.1, as /openapi.yaml serves it.
//
//go:embed openapi.yaml
var Document []byte

// healthy is GET /healthz: the process answers.
func healthy(c *call) error {
	c.reply(fasthttp.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// ready is GET /readyz: the node wants traffic.
func ready(c *call) error {
	if f := c.api.deps.Ready; f != nil {
		if err := f(); err != nil {
			return &actors.Error{Code: actors.Unavailable, Detail: "this node is not ready for traffic", Cause: err}
		}
	}
	c.reply(fasthttp.StatusOK, []byte(`{"status":"ready"}`))
	return nil
}

// serveDocument is GET /openapi.yaml.
func serveDocument(c *call) error {
	c.SetContentType("application/yaml") // RFC 9512
	c.Response.SetBodyRaw(Document)
	return nil
}

// metricsHandler is GET /metrics. At most two scrapes run at a time.
func metricsHandler(g prometheus.Gatherer) func(*call) error {
	h := promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 2, DisableCompression: true})
	return plainHandler(fasthttpadaptor.NewFastHTTPHandler(h))
}
