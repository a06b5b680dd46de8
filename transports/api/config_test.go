package api

import (
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"negative limit":    {Batches: -1},
		"negative size":     {Message: MessageLimits{Title: -1}},
		"negative duration": {Deadline: -time.Second},
		"page above limit":  {ListLimit: 10, ListPage: 11},
		"no user":           {DemoUser: "a b"},
	} {
		c.fill()
		if c.check() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	var c Config
	c.fill()
	if err := c.check(); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("an API without a router is taken")
	}
}
