package postgres

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"reddot/actors/store"
)

// Config holds the settings of the store. The zero value of each but URL is its
// default; what has a yaml tag is a setting of the server.
type Config struct {
	store.Config // the queue and its bounds are split among the committers

	// URL names the database: postgres://user:password@host:5432/name, or any
	// other form that libpq takes. Several hosts may be named, with
	// target_session_attrs=read-write to find the primary among them.
	URL string
	// Committers is how many commits may be under way at a time, each over a
	// connection of its own: more of them commit less at a time, and pay only
	// where the database is far away. 0: 2.
	Committers int `yaml:"committers" min:"1"`
	// Readers is how many connections reads may use. 0: 8.
	Readers int `yaml:"readers" min:"1"`
	// Timeout is how long the database may take over a commit or a read; then
	// it counts as gone. 0: 10 seconds.
	Timeout time.Duration `yaml:"timeout" min:"1s"`

	dial pgconn.DialFunc // how committers reach the database; nil: as usual
}

// WithDefaults returns c with its zero values replaced, or what is wrong.
func (c Config) WithDefaults() (Config, error) {
	var err error
	c.Config, err = c.Config.WithDefaults()
	err = errors.Join(err,
		store.Default("Committers", &c.Committers, 2, 1),
		store.Default("Readers", &c.Readers, 8, 1),
		store.Default("Timeout", &c.Timeout, 10*time.Second, time.Second),
	)
	return c, err
}
