//go:build !linux

package floor

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Serve needs epoll, so it is not here.
func Serve(context.Context, io.Writer, io.Reader) error {
	return fmt.Errorf("floor: %w", errors.ErrUnsupported)
}
