package actors

import "context"

// Router finds the actor of a key, wherever it lives, and wakes it if it
// sleeps.
type Router interface {
	// Ask sends the request, retries it under the same Once where it got lost
	// on its way, and waits for the answer. The error is the Answer's Err, or
	// that no answer came before ctx ended; only after a nil error, or one
	// that is also the Answer's, may the request be released.
	Ask(ctx context.Context, r *Request) error
	// Send sends m to the actor and does not wait. A *Request is answered in
	// any case, and may be answered before Send returns.
	Send(key Key, m any)
}
