package embedded

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// A Failure is why an embedded store has ended. Its text is one line for whoever
// runs the server: what failed, what is lost, and what to do.
type Failure struct {
	Dir   string
	Cause error
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("the store in %s has failed: %v; %s", f.Dir, f.Cause, f.advice())
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// outOfRoom tells whether there was no room for a file, or no right to more.
func outOfRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (f *Failure) advice() string {
	switch {
	case pebble.IsCorruptionError(f.Cause):
		return "files are damaged, so acknowledged events may be missing: keep a copy of the directory, and restore the newest backup (a checkpoint) in its place"
	case outOfRoom(f.Cause):
		return "nothing that was acknowledged is lost: free some room on its disk, and start the server again"
	}
	return "nothing that was acknowledged is lost: look after its disk, and start the server again"
}
