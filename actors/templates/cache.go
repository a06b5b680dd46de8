package templates

import (
	"sync"

	"reddot/actors/content"
)

// The bounds of what a cache holds.
const (
	maxReady      = 256      // templates
	maxReadyBytes = 16 << 20 // of their texts
)

// A cache holds templates that are ready to be rendered. When it is full, any of them go.
type cache struct {
	mu   sync.Mutex
	all  map[string]*content.Template
	size int
}

func (c *cache) find(key string) *content.Template {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[key]
}

func (c *cache) put(key string, x *content.Template) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*content.Template{}
	}
	if c.all[key] != nil {
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
