//go:build !faults

package app

import "time"

// steppedClock returns the wall clock that faults are injected into; nil: none
// are, in this build.
func steppedClock() func() time.Time { return nil }
