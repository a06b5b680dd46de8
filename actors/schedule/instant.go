package schedule

import (
	"errors"
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
		return nil, errNoZone
	}
	return zone, nil
}

// A Date is a day of the calendar: days since the 1st of January 1970.
type Date int64

const (
	daySeconds = 24 * 60 * 60
	dayMinutes = 24 * 60

	// No zone's offset from UTC has ever been larger, and none jumps further at once.
	widest = 16 * 60 * 60
	// As far from a change of the clock as this, days have 24 hours, also the ones beside.
	calm = 3 * daySeconds
)

// ParseDate reads a date such as 2026-10-01.
func ParseDate(text string) (Date, bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 {
		return 0, false
	}
	return Date(t.Unix() / daySeconds), true
}

// weekday returns the day of the week: 0 is Monday.
func (d Date) weekday() int { return int(floorMod(int64(d)+3, 7)) }

func floorMod(n, by int64) int64 { return ((n % by) + by) % by }

// local is an instant by the wall clock of a zone.
type local struct {
	unix   int64 // seconds
	offset int64 // of the wall clock, in seconds
	calm   bool  // the clock does not change for some days before and after
}

func localTime(at time.Time, zone *time.Location) local {
	t := at.In(zone)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	l := local{unix: at.Unix(), offset: int64(offset)} // of the second that at lies in
	l.calm = (start.IsZero() || l.unix-start.Unix() > calm) && (end.IsZero() || end.Unix()-l.unix > calm)
	return l
}

// date returns the day by the wall clock.
func (l local) date() Date {
	wall := l.unix + l.offset
	return Date((wall - floorMod(wall, daySeconds)) / daySeconds)
}

// instant returns when the wall clock first shows the time of the day, or anything later.
// Minutes may go on into the next day. near, an instant
// by the wall clock within a day or so, saves a look at the zone's changes.
func instant(day Date, minutes int, zone *time.Location, near local) int64 {
	wall := int64(day)*daySeconds + int64(minutes)*60
	if near.calm {
		return wall - near.offset
	}
	at := time.Unix(wall-widest, 0).In(zone)
	for {
		_, offset := at.Zone()
		_, end := at.ZoneBounds()
		first := max(at.Unix(), wall-int64(offset))
		if end.IsZero() || first < end.Unix() {
			return first
		}
		at = end.In(zone)
	}
}

// Next returns when the wall clock of the zone next shows a time of the day, in minutes
// after midnight: at the instant itself, or later.
func Next(at time.Time, minutes int, zone *time.Location) time.Time {
	l := localTime(at, zone)
	for day := l.date() - 2; ; day++ {
		if next := time.Unix(instant(day, minutes, zone, l), 0); !next.Before(at) {
			return next
		}
	}
}

// Instant returns when the wall clock of the zone first shows the day and the minute that wall
// shows, or anything later. The zone of wall does not matter.
func Instant(wall time.Time, zone *time.Location) time.Time {
	shown := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, time.UTC)
	seconds := floorMod(shown.Unix(), daySeconds)
	day := Date((shown.Unix() - seconds) / daySeconds)
	return time.Unix(instant(day, int(seconds/60), zone, localTime(shown, zone)), 0)
}
