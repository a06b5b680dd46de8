package actors

import (
	"math"
	"time"
)

// ParseTime reads a time as RFC 3339 (section 5.6) writes it, no more and no
// less: Go's own takes a comma before the fraction and an hour of one digit, and
// neither t, z nor a leap second. The second 60 is the first of the next minute.
func ParseTime[T string | []byte](text T) (time.Time, bool) {
	// 2006-01-02T15:04:05
	const layout = "0000-00-00T00:00:00"
	if len(text) <= len(layout) {
		return time.Time{}, false
	}
	for i := range len(layout) {
		c := text[i]
		switch layout[i] {
		case '0':
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
		case 'T':
			if c|0x20 != 't' {
				return time.Time{}, false
			}
		default:
			if c != layout[i] {
				return time.Time{}, false
			}
		}
	}
	number := func(at, n int) (v int) {
		for _, c := range []byte(text[at : at+n]) {
			v = 10*v + int(c-'0')
		}
		return v
	}
	year, month, day := number(0, 4), time.Month(number(5, 2)), number(8, 2)
	hour, minute, second := number(11, 2), number(14, 2), number(17, 2)
	nano, rest, ok := parseFraction([]byte(text[len(layout):]))
	offset, good := parseOffset(rest)
	if !ok || !good || hour > 23 || minute > 59 || second > 60 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, hour, minute, second, nano, time.UTC).Add(-offset)
	// A leap second is the last one of a month by UTC.
	if leap := t.Add(-time.Duration(nano)); second == 60 && (leap.Day() != 1 || leap.Hour() != 0 || leap.Minute() != 0) {
		return time.Time{}, false
	}
	return t, t.Year() >= 0 && t.Year() <= 9999
}

// parseFraction reads what may stand behind the seconds. What is below a
// nanosecond counts for nothing.
func parseFraction(text []byte) (nano int, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, true
	}
	i := 1
	for unit := 100_000_000; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		nano += unit * int(text[i]-'0')
		unit /= 10
	}
	return nano, text[i:], i > 1
}

// parseOffset reads Z or the difference from UTC, as +01:00.
func parseOffset(text []byte) (time.Duration, bool) {
	if len(text) == 1 {
		return 0, text[0]|0x20 == 'z'
	}
	if len(text) != len("+01:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' {
		return 0, false
	}
	for _, i := range []int{1, 2, 4, 5} {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int(text[1]-'0')*10+int(text[2]-'0'), int(text[4]-'0')*10+int(text[5]-'0')
	offset := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, hour <= 23 && minute <= 59
}

// daysIn returns how many days the month has.
func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Moment is what a decision may know of the world: the time in unix
// milliseconds, and a random number for a user's lineage.
type Moment struct {
	Now    int64
	Random uint64
}

// Never is a time that does not come (unix milliseconds).
const Never = math.MaxInt64
