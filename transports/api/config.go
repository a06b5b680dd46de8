package api

import (
	"errors"
	"fmt"
	"time"

	"reddot/transports"
)

// Config says how the API behaves. Sizes of bodies, lines and batches are in
// transports.Limits, since all transports share them.
type Config struct {
	Message MessageLimits

	Deadline time.Duration // how long a request waits for its actor; 0: 10 s

	ListLimit int // the largest limit of a list; 0: 200
	ListPage  int // the limit of a list where none is given; 0: 50
	Events    int // CloudEvents in one batch; 0: 1,000
	Keys      int // keys that one app may have, revoked ones too; 0: 1,000

	WriteStall time.Duration // how long a client may take no byte of an answer; 0: 10 s

	Batches     int           `yaml:"batches" min:"1"`                 // batches at a time; 0: 64
	AppBatches  int           `yaml:"app_batches" min:"1"`             // of one app; 0: half of those
	BatchRate   int           `yaml:"batch_rate" unit:"bytes" min:"1"` // bytes a second that a batch must bring at least, while it is waited for; 0: 1 KiB
	BatchWindow int           // lines of one batch under way; 0: 1,000
	BatchOutput int           // bytes of results that wait for a client which does not read; 0: 4 MiB
	BatchLines  int           // lines of one batch; 0: 1,000,000
	BatchIdle   time.Duration // how long a batch waits for its client to send or to read on; 0: 10 s

	Origins      transports.Origins // whose pages may call, with cookies; zero: none
	LegacyURLs   bool               // serve the legacy URLs
	MetricsKey   bool               // /metrics is for operators' keys alone
	MetricsApart bool               // /metrics is of Operations alone
	DemoUser     string             // whom the legacy iframe shows where the URL names nobody; empty: demo
}

// WithDefaults returns the configuration with defaults in the place of zeros.
func (c Config) WithDefaults() Config {
	c.fill()
	return c
}

// fill puts the defaults in.
func (c *Config) fill() {
	c.Message.fill()
	orDuration(&c.Deadline, 10*time.Second)
	orInt(&c.ListLimit, 200)
	orInt(&c.ListPage, 50)
	orInt(&c.Events, 1000)
	orInt(&c.Keys, 1000)
	orInt(&c.Batches, 64)
	orInt(&c.AppBatches, max(1, c.Batches/2))
	orInt(&c.BatchRate, 1<<10)
	orInt(&c.BatchWindow, 1000)
	orInt(&c.BatchOutput, 4<<20)
	orInt(&c.BatchLines, 1_000_000)
	orDuration(&c.BatchIdle, 10*time.Second)
	orDuration(&c.WriteStall, 10*time.Second)
	if c.DemoUser == "" {
		c.DemoUser = "demo"
	}
}

// check refuses what cannot be meant. It is called after fill.
func (c *Config) check() error {
	for _, n := range []int{c.ListLimit, c.ListPage, c.Events, c.Keys, c.Batches, c.AppBatches, c.BatchRate, c.BatchWindow, c.BatchOutput,
		c.BatchLines, c.Message.Title, c.Message.Text, c.Message.Data, c.Message.URL, c.Message.Category,
		c.Message.CollapseKey, c.Message.Depth, c.Message.Users} {
		if n < 0 {
			return errors.New("api: a limit is negative")
		}
	}
	if c.Deadline < 0 || c.WriteStall < 0 || c.BatchIdle < 0 || c.Message.Late < 0 {
		return errors.New("api: a duration is negative")
	}
	if _, err := transports.ParseUser(c.DemoUser); err != nil {
		return fmt.Errorf("api: DemoUser: %w", err)
	}
	if c.ListPage > c.ListLimit {
		return errors.New("api: ListPage is above ListLimit")
	}
	return nil
}

// orInt puts the default in where there is no value.
func orInt(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

// orDuration puts the default in where there is no value.
func orDuration(v *time.Duration, def time.Duration) {
	if *v == 0 {
		*v = def
	}
}
