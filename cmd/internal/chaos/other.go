//go:build !linux

package chaos

import (
	"context"
	"fmt"
	"io"
)

// Run needs Linux's namespaces.
func Run(context.Context, Config, io.Writer) error {
	return fmt.Errorf("%w: only Linux has network namespaces", ErrUnable)
}

// Inside returns: there is nothing to be inside of.
func Inside() (status int, inside bool) { return 0, false }
