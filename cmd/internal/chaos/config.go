package chaos

import (
	"errors"
	"fmt"
	"time"
)

// A Config says what a run is.
type Config struct {
	// Mode is what is run. Default: Storm.
	Mode Mode
	// Binary is the server's program, built with the tag faults, so that its
	// wall clock can step.
	Binary string
	// Seed chooses faults, moments and requests.
	Seed uint64
	// For is how long faults happen. Default: three minutes.
	For time.Duration
	// Nodes is how many servers there are at first, at most 6. Default: 4.
	Nodes int
	// Users, Callers and Clients are how many of each. Defaults: 24, 8, 48.
	Users, Callers, Clients int
	// Rounds is how many faults of each kind Pauses measures. Default: 20.
	Rounds int
	// TLS lets clients and devices reach the servers by TLS alone.
	TLS bool
	// Keep is a directory for the servers' logs; empty: they are kept nowhere.
	Keep string
	// Verbose lets the servers log at debug level.
	Verbose bool
}

// A Mode is what a run is to show.
type Mode string

const (
	// Storm lets all faults happen, and judges the histories.
	Storm Mode = "storm"
	// Pauses measures for how long users are away after a kill and a freeze.
	Pauses Mode = "pauses"
	// Lost lets databases lose what they acknowledged last, under the servers'
	// eyes, and judges that nothing else is lost and everybody was told.
	Lost Mode = "loss"
	// Calm has full load and no fault: no server may be taken for dead.
	Calm Mode = "calm"
)

// ErrUnable says that there can be no run here: no namespaces, or a tool is
// missing. It is wrapped with the reason.
var ErrUnable = errors.New("no chaos run is possible here")

// mostNodes is how many servers there may be.
const mostNodes = 6

func (c *Config) check() error {
	for _, f := range []struct {
		name string
		p    *int
		def  int
		most int
	}{{"nodes", &c.Nodes, 4, mostNodes}, {"users", &c.Users, 24, 1000}, {"callers", &c.Callers, 8, 200}, {"clients", &c.Clients, 48, 1000}, {"rounds", &c.Rounds, 20, 1000}} {
		if *f.p == 0 {
			*f.p = f.def
		}
		if *f.p < 1 || *f.p > f.most {
			return fmt.Errorf("%s: %d is not between 1 and %d", f.name, *f.p, f.most)
		}
	}
	if c.For == 0 {
		c.For = 3 * time.Minute
	}
	switch c.Mode {
	case "":
		c.Mode = Storm
	case Storm, Pauses, Calm, Lost:
	default:
		return fmt.Errorf("%q is no mode; there are %s, %s, %s and %s", c.Mode, Storm, Lost, Pauses, Calm)
	}
	if c.Binary == "" {
		return errors.New("binary: there is none")
	}
	return nil
}
