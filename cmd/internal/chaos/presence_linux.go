package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"reddot/cmd/internal/chaos/screen"
)

// presenceTime is how long a user's presence may take, once there are no more faults, until
// it agrees with the user's screens.
const presenceTime = 15 * time.Second

// A presence is what a server says of one user.
type presence struct {
	Online     bool
	Transports []string
	LastSeen   string `json:"last_seen"`
}

// watched opens a screen for a few users, and holds that all servers see them soon.
func (c *crowd) watched(ctx context.Context, w *world, rng *rand.Rand) error {
	servers, streams := w.running(), []string{sse, webSocket, iframe}
	var errs []error
	for _, l := range c.users[:min(4, len(c.users))] {
		by := streams[rng.IntN(len(streams))]
		s := screen.Screen{Key: w.key, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}}}
		open, leave := context.WithCancel(ctx)
		gone := make(chan struct{})
		url := w.url(servers[rng.IntN(len(servers))]) + "/v1/users/" + l.h.User
		go func() {
			_ = s.Connect(open, url, by, "", func(screen.Event) {}) // it ends with an error, since it is left
			close(gone)
		}()
		errs = append(errs, w.agree(ctx, l.h.User, func(p presence) error {
			if !p.Online || !slices.Contains(p.Transports, by) {
				return fmt.Errorf("it is connected by %s, and presence says %+v", by, p)
			}
			return nil
		}))
		leave()
		<-gone
	}
	return errors.Join(errs...)
}

// absent holds that all servers see soon that nobody is connected any more.
func (c *crowd) absent(ctx context.Context, w *world) error {
	var errs []error
	for _, l := range c.users {
		errs = append(errs, w.agree(ctx, l.h.User, func(p presence) error {
			if p.Online || len(p.Transports) > 0 || p.LastSeen == "" {
				return fmt.Errorf("all its screens are closed, and presence says %+v", p)
			}
			return nil
		}))
	}
	return errors.Join(errs...)
}

// agree waits until each server says of a user what ok takes.
func (w *world) agree(ctx context.Context, user string, ok func(presence) error) error {
	late := time.Now().Add(presenceTime)
	for _, i := range w.running() {
		for {
			var p presence
			err := w.ask(ctx, w.reader, i, "/v1/users/"+user+"/presence", &p)
			if err == nil {
				err = ok(p)
			}
			if err == nil {
				break
			}
			if time.Now().After(late) {
				return fmt.Errorf("%s, by server %d, %v after the last fault: %w", user, i, presenceTime, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}
