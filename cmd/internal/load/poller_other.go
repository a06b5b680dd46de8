//go:build !linux

package load

// newEpoll says that there is no epoll here.
func newEpoll() (poller, error) { return nil, ErrUnsupported }
