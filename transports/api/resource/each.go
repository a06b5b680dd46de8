package resource

import (
	"sync"
	"sync/atomic"

	"reddot/actors"
)

// atOnce is how many users are asked at a time.
const atOnce = 32

// AskEach asks the actors of users, some at a time, each for the command that cmd makes for
// the place of the user. take
// is called with the place of the user and what came, by several goroutines; the request is
// released behind it. The first error that it returns ends the asking.
func AskEach(c Call, users []string, cmd func(i int) actors.Command, take func(i int, r *actors.Request, err error) error) error {
	var failed atomic.Pointer[error]
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(len(users), atOnce) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(users) && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				r, err := c.Ask(users[i], cmd(i), actors.Once{})
				if bad := take(i, r, err); bad != nil {
					failed.CompareAndSwap(nil, &bad)
				}
				if err == nil {
					r.Release()
				}
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
