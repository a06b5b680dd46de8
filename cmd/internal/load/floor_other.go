//go:build !linux

package load

import (
	"context"
	"fmt"
	"io"
)

// ServeFloor needs epoll, so it is not here.
func ServeFloor(context.Context, io.Writer, io.Reader) error {
	return fmt.Errorf("floor: %w", ErrUnsupported)
}
