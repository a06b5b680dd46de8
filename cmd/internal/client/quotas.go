package client

import (
	"context"
	"time"
)

// A Quota is how much is taken of what all users of an app share.
type Quota struct {
	Name  string    `json:"name"`
	Taken int64     `json:"taken"`
	Ends  time.Time `json:"ends"` // of the window
}

// Quotas returns those of the app of which something is taken. It needs the scope read, author
// or admin.
func (c *Client) Quotas(ctx context.Context) ([]Quota, error) {
	return all[Quota](ctx, c, "/v1/quotas", "quotas")
}
