package streams

import (
	"math/rand/v2"
	"strconv"
)

// The pause that clients of a draining node are asked for is drawn from a
// range, so that they do not all arrive elsewhere at once. Milliseconds.
const (
	minRetry = 500
	maxRetry = 5000
)

// DrainPause draws the pause after which a client of a draining node should
// come back, in milliseconds.
func DrainPause() int {
	return minRetry + rand.IntN(maxRetry-minRetry)
}

// AppendDrain appends the JSON of a drain event.
func AppendDrain(b []byte, retryMs int) []byte {
	b = append(b, `{"type":"drain","retry_ms":`...)
	b = strconv.AppendInt(b, int64(retryMs), 10)
	return append(b, '}')
}
