//go:build faults

package app

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// clockFile is the variable that names a file with how far the wall clock is
// off, as a Go duration. The chaos program builds servers with the tag faults,
// and writes to the file. It is no setting, and so does not begin with REDDOT_.
const clockFile = "FAULTS_CLOCK_FILE"

// steppedClock returns the wall clock that faults are injected into; nil: none
// are. It looks at the file for as long as the process lives.
func steppedClock() func() time.Time {
	file := os.Getenv(clockFile)
	if file == "" {
		return nil
	}
	var off atomic.Int64
	read := func() {
		text, err := os.ReadFile(file)
		if err != nil {
			return // it is not there yet, and off stays as it is
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil {
			off.Store(int64(d))
		}
	}
	read()
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			read()
		}
	}()
	return func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
}
