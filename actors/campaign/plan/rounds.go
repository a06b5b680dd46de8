package plan

import (
	"strings"
	"time"

	cron "github.com/netresearch/go-cron"

	"reddot/actors"
	"reddot/actors/schedule"
)

// minInterval is how far apart the rounds of a campaign are at least: it keeps those of which an
// inbox may have the messages, and all of them are taken back one by one.
const minInterval = time.Hour

// maxCron is how many bytes a cron expression has at most.
const maxCron = 100

// parser reads the five fields: minute, hour, day of the month, month, day of the week. Where
// both days are said a day must be both.
var parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parseCron reads a cron expression, whose clock is that of a zone.
func parseCron(text, zone string) (cron.Schedule, *time.Location, *actors.Error) {
	where, err := schedule.Zone(zone)
	if err != nil {
		return nil, nil, wrong("schedule.zone", err.Error())
	}
	if len(text) > maxCron || strings.ContainsAny(text, "@=") || len(strings.Fields(text)) != 5 {
		return nil, nil, wrong("schedule.cron", "it must have five fields: minute, hour, day of the month, month, day of the week")
	}
	s, err := parser.Parse(text)
	if err != nil {
		return nil, nil, wrong("schedule.cron", err.Error())
	}
	return s, where, nil
}

// checkCron tells whether rounds go by a cron expression. What is far apart by the wall clock
// is so by any.
func checkCron(text, zone string) *actors.Error {
	s, _, err := parseCron(text, zone)
	if err != nil {
		return err
	}
	at := s.Next(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC))
	if at.IsZero() {
		return wrong("schedule.cron", "no day is like that")
	}
	for range 1000 { // many days of what is allowed, so that each time of the day is met
		next := s.Next(at)
		if next.IsZero() {
			break
		}
		if next.Sub(at) < minInterval {
			return wrong("schedule.cron", "the rounds are less than an hour apart")
		}
		at = next
	}
	return nil
}

// Next returns when the first round behind an instant is, both in unix milliseconds; 0: there
// is none. The library looks for the time by a wall clock that has no zone; when a zone's clock
// shows that is said by package schedule, for the library skips none of an hour that comes
// twice, and is late behind a gap.
func Next(p *actors.CampaignPlan, behind int64) int64 {
	if p.Cron == "" {
		return 0
	}
	s, where, err := parseCron(p.Cron, p.Zone)
	if err != nil {
		return 0 // the zone is gone from this machine's data
	}
	from := time.UnixMilli(behind).In(where)
	wall := time.Date(from.Year(), from.Month(), from.Day()-1, from.Hour(), from.Minute(), from.Second(), 0, time.UTC)
	for {
		if wall = s.Next(wall); wall.IsZero() {
			return 0
		}
		at := schedule.Instant(wall, where).UnixMilli()
		switch {
		case p.Until != 0 && at > p.Until:
			return 0
		case at > behind:
			return at
		}
	}
}
