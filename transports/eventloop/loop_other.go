//go:build !linux

package eventloop

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"reddot/transports/streams"
)

// A Loop is for systems with epoll. This is none.
type Loop struct{}

var _ streams.Loop = (*Loop)(nil)

// New returns an error that is errors.ErrUnsupported.
func New(Config, *slog.Logger) (*Loop, error) {
	return nil, fmt.Errorf("event loop: %w", errors.ErrUnsupported)
}

// Serve implements streams.Loop.
func (*Loop) Serve(func(id uint64) streams.Wire) {}

// Carry implements streams.Loop.
func (*Loop) Carry(net.Conn, *streams.Start) error { return errors.ErrUnsupported }

// Close ends the loops.
func (*Loop) Close() error { return nil }
