package schedule

import (
	"slices"
	"time"
)

// A Window is a part of each day, or of some.
type Window struct {
	From     int    // minutes after midnight, at which it begins
	To       int    // likewise, at which it is over; on the next day, if it is not after From
	Days     uint32 // on which it begins: 1 for Monday, 2 for Tuesday, 4 …; 0: each
	Holidays []Date // rising; these days are in it as a whole
	Zone     *time.Location
}

// Longest is for how long one window after the other is followed, to find their end.
const Longest = 35 * 24 * time.Hour

// Contains tells whether an instant is in the window.
func (w *Window) Contains(at time.Time) bool {
	_, in := w.end(localTime(at, w.Zone))
	return in
}

// End returns the first instant, at or after one, that is not in the window; ok: there is
// one within Longest.
func (w *Window) End(at time.Time) (end time.Time, ok bool) {
	for end = at; end.Sub(at) <= Longest; {
		over, in := w.end(localTime(end, w.Zone))
		if !in {
			return end, true
		}
		end = time.Unix(over, 0)
	}
	return time.Time{}, false
}

// end returns when the part of the window is over that has the instant, if one has.
func (w *Window) end(l local) (over int64, in bool) {
	first, last := l.date()-1, l.date()
	if !l.calm { // a day may be left out, or begin twice
		first, last = first-2, last+1
	}
	for day := first; day <= last; day++ {
		if w.Days == 0 || w.Days&(1<<day.weekday()) != 0 {
			to := w.To
			if to <= w.From {
				to += dayMinutes
			}
			if from, to := instant(day, w.From, w.Zone, l), instant(day, to, w.Zone, l); from <= l.unix && l.unix < to {
				over, in = max(over, to), true
			}
		}
		if len(w.Holidays) == 0 {
			continue
		}
		if _, ok := slices.BinarySearch(w.Holidays, day); ok {
			if from, to := instant(day, 0, w.Zone, l), instant(day, dayMinutes, w.Zone, l); from <= l.unix && l.unix < to {
				over, in = max(over, to), true
			}
		}
	}
	return over, in
}
