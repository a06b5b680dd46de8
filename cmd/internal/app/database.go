//go:build unix

package app

import (
	"context"

	"reddot/actors/store/pgserver"
)

// DevDatabase starts a PostgreSQL of its own from the system's binaries, for
// trying a cluster out. dir keeps its data; empty: it is gone with close.
func DevDatabase(ctx context.Context, dir string) (url string, closeIt func() error, err error) {
	s, err := pgserver.Start(ctx, pgserver.Config{Dir: dir})
	if err != nil {
		return "", nil, err
	}
	return s.URL(), s.Close, nil
}
