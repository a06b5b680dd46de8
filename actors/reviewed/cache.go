package reviewed

import "sync"

// The bounds of what a cache holds.
const (
	maxReady      = 256      // texts
	maxReadyBytes = 16 << 20 // of their texts
)

// A cache holds texts that were parsed. When it is full, any of them go.
type cache[T Text] struct {
	mu   sync.Mutex
	all  map[string]T
	size int
}

func (c *cache[T]) find(key string) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.all[key]
	return x, ok
}

func (c *cache[T]) put(key string, x T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]T{}
	}
	if _, ok := c.all[key]; ok {
		return
	}
	for old, y := range c.all {
		if len(c.all) < maxReady && c.size+len(x.Body()) <= maxReadyBytes {
			break
		}
		delete(c.all, old)
		c.size -= len(y.Body())
	}
	c.all[key] = x
	c.size += len(x.Body())
}
