//go:build !linux

package poller

import "errors"

// newEpoll says that there is no epoll here.
func newEpoll() (Poller, error) { return nil, errors.ErrUnsupported }
