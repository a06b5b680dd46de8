package app

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// A Build says what is running.
type Build struct {
	Version string // of the module; devel where it was built from a checkout
	Commit  string // empty where the build did not see it
	Dirty   bool   // the checkout had changes
	Time    string // of the commit, RFC 3339
	Go      string
}

// String returns the version, and where it is known the commit and its date.
func (b Build) String() string {
	line := b.Version // of a commit without a tag it names that
	if b.Commit != "" && !strings.Contains(line, b.Commit[:min(12, len(b.Commit))]) {
		line += " " + b.Commit
	}
	if b.Dirty && !strings.HasSuffix(line, "+dirty") {
		line += " with changes"
	}
	if b.Time != "" {
		line += " of " + b.Time
	}
	return line
}

// Version returns what the Go linker wrote into the program.
func Version() Build {
	b := Build{Version: "devel", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}
