package schedule

import (
	"errors"
	"fmt"
	"time"
)

var errNoZone = errors.New("there is no such zone; it must be a name of the IANA time zone database, such as Asia/Shanghai")

// Zone returns a zone by its name in the IANA time zone database.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errNoZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w", errNoZone)
	}
	return zone, nil
}
