package index

import (
	"context"
	"fmt"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/profile"
)

// Page returns up to limit users of an audience at now (unix milliseconds) behind after, in
// the order of the index, which is that of their shards. An empty after is the beginning. next
// is where to go on; empty: these were the last. A page may be short, or empty, and others
// follow.
func (x *Index) Page(ctx context.Context, app string, a *actors.Audience, now int64, after string, limit int) (users []string, next string, err error) {
	users = make([]string, 0, limit)
	if a.All {
		next, err = x.Users(ctx, app, after, limit, func(user string, _ *profile.State) error {
			users = append(users, user)
			return nil
		})
		return users, next, err
	}
	s, err := audience.Of(a)
	if err != nil {
		return nil, "", err
	}
	v := x.view(ctx, app)
	plan, err := s.Plan(v, now)
	if err == nil {
		if after != "" {
			after = audience.Name(app, after)
		}
		users, next, err = plan.Find(after, limit, v)
	}
	if err != nil {
		return nil, "", fmt.Errorf("look for the users of an audience of %s: %w", app, err)
	}
	for i, name := range users {
		users[i] = audience.UserOf(name)
	}
	if next != "" {
		next = audience.UserOf(next)
	}
	return users, next, nil
}
