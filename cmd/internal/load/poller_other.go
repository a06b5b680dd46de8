//go:build !linux

package load

import "errors"

// newEpoll says that there is no epoll here.
func newEpoll() (poller, error) { return nil, errors.ErrUnsupported }
