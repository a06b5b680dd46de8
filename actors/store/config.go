package store

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Config holds the settings that all stores have. The zero value of each is its
// default; what has a yaml tag is a setting of the server.
type Config struct {
	// QueueWrites is how many writes may wait for a commit; more are refused
	// with Busy. 0: 65,536.
	QueueWrites int `yaml:"queue_count" min:"1"`
	// QueueBytes is how many bytes the waiting writes may have. A write that
	// is larger is taken if no other waits. 0: 64 MiB.
	QueueBytes int `yaml:"queue_size" unit:"bytes" min:"1"`
	// BatchWrites is how many writes one commit takes at most. 0: 4,096.
	BatchWrites int
	// BatchBytes is how many bytes one commit takes at most; a larger write
	// is a commit of its own. 0: 8 MiB.
	BatchBytes int `yaml:"batch_size" unit:"bytes" min:"1"`
	// EraseWithin is how soon what is no longer needed is off the disk. Actors
	// delete it within the first half; the second one is the store's. 0: 24 hours.
	EraseWithin time.Duration `yaml:"erase_within" min:"1s"`
}

// WithDefaults returns c with its zero values replaced, or what is wrong.
func (c Config) WithDefaults() (Config, error) {
	err := errors.Join(
		Default("QueueWrites", &c.QueueWrites, 1<<16, 1),
		Default("QueueBytes", &c.QueueBytes, 64<<20, 1),
		Default("BatchWrites", &c.BatchWrites, 4096, 1),
		Default("BatchBytes", &c.BatchBytes, 8<<20, 1),
		Default("EraseWithin", &c.EraseWithin, 24*time.Hour, time.Second),
	)
	return c, err
}

// Default gives a setting that is zero its default. It returns an error if the
// value is below the least one.
func Default[T cmp.Ordered](name string, value *T, zero, least T) error {
	var none T
	if *value == none {
		*value = zero
	}
	if *value < least {
		return fmt.Errorf("store: %s is below %v", name, least)
	}
	return nil
}
