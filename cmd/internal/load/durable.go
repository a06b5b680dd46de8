package load

import "context"

// durable publishes without any connection open, one by one or in batches: what
// is measured is how fast the server makes messages durable. That the answers
// came after the disk is the server's word; that each one counts is verified.
func durable(ctx context.Context, w *worker) error {
	return unicast(ctx, w)
}
