package client

import (
	"context"
	"net/http"
)

// A Cluster is what a server knows of its cluster.
type Cluster struct {
	Cluster string        `json:"cluster"`
	Node    string        `json:"node"` // that answers
	Members []ClusterNode `json:"members"`
}

// A ClusterNode is what a node says of itself.
type ClusterNode struct {
	Node        string `json:"node"`
	Program     string `json:"program,omitempty"`
	Address     string `json:"address,omitempty"`
	State       string `json:"state"`
	Why         string `json:"why,omitempty"`
	Shards      int    `json:"shards"`
	Owned       []any  `json:"owned,omitempty"`
	Actors      int    `json:"actors"`
	Connections int    `json:"connections"`
	Held        int64  `json:"held"`
	Links       []struct {
		Node     string `json:"node"`
		Up       bool   `json:"up"`
		LagMS    int64  `json:"lag_ms"`
		Queued   int    `json:"queued_bytes"`
		Requests int    `json:"requests_open"`
	} `json:"links"`
}

// Cluster returns what the server knows of its cluster. It needs the scope admin.
func (c *Client) Cluster(ctx context.Context) (Cluster, error) {
	var out Cluster
	req, err := c.request(ctx, http.MethodGet, "/v1/cluster", nil, nil)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, req, &out)
	return out, err
}

// Drain lets the server hand its users over, send its clients away, and end.
func (c *Client) Drain(ctx context.Context) error {
	req, err := c.request(ctx, http.MethodPost, "/v1/cluster/drain", nil, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}
