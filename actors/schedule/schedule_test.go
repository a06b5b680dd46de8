package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := Zone(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return z
}

// moment reads a time of a test: 2006-01-02 15:04, with its offset.
func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04 -07:00", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func minutes(t testing.TB, clock string) int {
	t.Helper()
	var h, m int
	if _, err := fmt.Sscanf(clock, "%d:%d", &h, &m); err != nil {
		t.Fatal(err)
	}
	return 60*h + m
}

// TestNext is the table of zones whose clocks do what others forget.
func TestNext(t *testing.T) {
	for _, c := range []struct{ zone, clock, at, want string }{
		{"America/New_York", "02:30", "2026-03-07 12:00 -05:00", "2026-03-08 03:00 -04:00"}, // the gap's end
		{"America/New_York", "02:30", "2026-03-08 03:00 -04:00", "2026-03-08 03:00 -04:00"},
		{"America/New_York", "02:30", "2026-03-08 03:01 -04:00", "2026-03-09 02:30 -04:00"},
		{"America/New_York", "01:30", "2026-11-01 00:00 -04:00", "2026-11-01 01:30 -04:00"}, // the first of two
		{"America/New_York", "01:30", "2026-11-01 01:31 -04:00", "2026-11-02 01:30 -05:00"},
		{"America/New_York", "01:30", "2026-11-01 01:30 -05:00", "2026-11-02 01:30 -05:00"}, // not the second one
		{"America/New_York", "09:00", "2026-07-01 13:00 +00:00", "2026-07-01 09:00 -04:00"},
		{"Europe/Berlin", "02:00", "2026-03-29 00:00 +01:00", "2026-03-29 03:00 +02:00"},
		{"Europe/Berlin", "02:00", "2026-10-25 00:00 +02:00", "2026-10-25 02:00 +02:00"},
		{"Europe/Berlin", "08:00", "2026-07-01 05:00 +00:00", "2026-07-01 08:00 +02:00"}, // an hour off, were it kept as UTC of the winter
		{"Australia/Lord_Howe", "02:15", "2026-10-03 12:00 +10:30", "2026-10-04 02:30 +11:00"},
		{"Australia/Lord_Howe", "01:45", "2026-04-05 00:00 +11:00", "2026-04-05 01:45 +11:00"},
		{"Australia/Lord_Howe", "01:45", "2026-04-05 01:45 +10:30", "2026-04-06 01:45 +10:30"},
		{"America/Sao_Paulo", "00:00", "2018-11-03 12:00 -03:00", "2018-11-04 01:00 -02:00"}, // no midnight
		{"America/Sao_Paulo", "00:30", "2018-11-03 12:00 -03:00", "2018-11-04 01:00 -02:00"},
		{"America/Sao_Paulo", "00:00", "2018-02-17 12:00 -02:00", "2018-02-18 00:00 -03:00"}, // 23:00 to 24:00 comes twice
		{"America/Sao_Paulo", "23:30", "2018-02-17 12:00 -02:00", "2018-02-17 23:30 -02:00"},
		{"America/Sao_Paulo", "23:30", "2018-02-17 23:31 -02:00", "2018-02-18 23:30 -03:00"},
		{"Africa/Casablanca", "02:30", "2026-02-14 12:00 +01:00", "2026-02-15 02:30 +01:00"}, // Ramadan: back
		{"Africa/Casablanca", "09:00", "2026-03-01 00:00 +00:00", "2026-03-01 09:00 +00:00"},
		{"Africa/Casablanca", "02:30", "2026-03-21 12:00 +00:00", "2026-03-22 03:00 +01:00"}, // and forth
		{"Asia/Kathmandu", "09:00", "2026-06-01 03:15 +00:00", "2026-06-01 09:00 +05:45"},
		{"Asia/Kathmandu", "00:00", "1985-12-31 12:00 +05:30", "1986-01-01 00:15 +05:45"},
		{"Pacific/Apia", "09:00", "2011-12-29 10:00 -10:00", "2011-12-31 00:00 +14:00"}, // no 30th
		{"Pacific/Apia", "09:00", "2011-12-31 00:01 +14:00", "2011-12-31 09:00 +14:00"},
		{"Asia/Shanghai", "09:00", "1986-07-01 00:00 +00:00", "1986-07-01 09:00 +09:00"},
		{"Asia/Shanghai", "02:30", "1986-05-03 12:00 +08:00", "1986-05-04 03:00 +09:00"},
		{"Asia/Shanghai", "01:30", "1991-09-14 12:00 +09:00", "1991-09-15 01:30 +09:00"},
		{"Asia/Shanghai", "09:00", "2026-07-01 00:00 +00:00", "2026-07-01 09:00 +08:00"},
		{"UTC", "24:00", "2026-02-28 12:00 +00:00", "2026-03-01 00:00 +00:00"},
	} {
		z := zone(t, c.zone)
		got := Next(moment(t, c.at), minutes(t, c.clock), z)
		if want := moment(t, c.want); !got.Equal(want) {
			t.Errorf("%s %s after %s: got %s, want %s", c.zone, c.clock, c.at, got.In(z), want)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../etc/passwd", "asia"} {
		if z, err := Zone(name); err == nil {
			t.Errorf("%q is the zone %v", name, z)
		}
	}
}

func TestParseDate(t *testing.T) {
	if d, ok := ParseDate("2026-10-01"); !ok || d.weekday() != 3 || time.Unix(int64(d)*daySeconds, 0).UTC().Format(time.DateOnly) != "2026-10-01" {
		t.Errorf("got day %d, %v", d, ok)
	}
	for _, text := range []string{"", "2026-02-29", "2026-10-1", "1969-12-31", "2026-10-01 ", "20261001"} {
		if d, ok := ParseDate(text); ok {
			t.Errorf("%q is the day %d", text, d)
		}
	}
}

// TestWindow tells for each window when it is entered and left in a span of time.
func TestWindow(t *testing.T) {
	for _, c := range []struct{ name, zone, from, to, days, holidays, start, end, want string }{
		{"over midnight", "Europe/Berlin", "22:00", "08:00", "", "", "2026-06-01 12:00 +02:00", "2026-06-02 23:00 +02:00", "06-01 22:00..06-02 08:00 06-02 22:00.."},
		{"into summer time", "Europe/Berlin", "22:00", "08:00", "", "", "2026-03-28 12:00 +01:00", "2026-03-29 12:00 +02:00", "03-28 22:00..03-29 08:00"},
		{"in the gap, of 0 h", "America/New_York", "02:00", "03:00", "", "", "2026-03-07 12:00 -05:00", "2026-03-09 01:00 -04:00", ""},
		{"from the gap's end", "America/New_York", "02:30", "03:30", "", "", "2026-03-07 12:00 -05:00", "2026-03-08 12:00 -04:00", "03-08 03:00..03-08 03:30"},
		{"over a doubled hour", "America/New_York", "00:00", "02:00", "", "", "2026-10-31 12:00 -04:00", "2026-11-01 12:00 -05:00", "11-01 00:00..11-01 02:00"},
		{"to a doubled time", "America/New_York", "00:00", "01:30", "", "", "2026-10-31 12:00 -04:00", "2026-11-01 12:00 -05:00", "11-01 00:00..11-01 01:30"},
		{"of 24 h", "Asia/Kathmandu", "00:00", "24:00", "sat", "", "2026-06-05 12:00 +05:45", "2026-06-08 12:00 +05:45", "06-06 00:00..06-07 00:00"},
		{"of 24 h from noon", "Asia/Kathmandu", "12:00", "12:00", "sat", "", "2026-06-05 12:00 +05:45", "2026-06-08 12:00 +05:45", "06-06 12:00..06-07 12:00"},
		{"without a midnight", "America/Sao_Paulo", "22:00", "00:00", "", "", "2018-11-03 12:00 -03:00", "2018-11-04 12:00 -02:00", "11-03 22:00..11-04 01:00"},
		{"by the day on which it begins", "Asia/Shanghai", "22:00", "08:00", "fri", "", "2026-06-01 12:00 +08:00", "2026-06-07 12:00 +08:00", "06-05 22:00..06-06 08:00"},
		{"on two days", "Asia/Shanghai", "09:00", "10:00", "mon wed", "", "2026-06-01 00:00 +08:00", "2026-06-04 00:00 +08:00", "06-01 09:00..06-01 10:00 06-03 09:00..06-03 10:00"},
		{"a holiday joins the nights", "Asia/Shanghai", "22:00", "08:00", "", "2026-10-01", "2026-09-30 12:00 +08:00", "2026-10-02 12:00 +08:00", "09-30 22:00..10-02 08:00"},
		{"holidays in a row", "Asia/Shanghai", "22:00", "23:00", "sun", "2026-10-01 2026-10-02", "2026-09-30 12:00 +08:00", "2026-10-03 12:00 +08:00", "10-01 00:00..10-03 00:00"},
		{"a holiday that there is not", "Pacific/Apia", "12:00", "13:00", "mon", "2011-12-30", "2011-12-29 10:00 -10:00", "2012-01-01 10:00 +14:00", ""},
		{"a day that there is not", "Pacific/Apia", "22:00", "08:00", "thu fri", "", "2011-12-29 10:00 -10:00", "2012-01-01 10:00 +14:00", "12-29 22:00..12-31 08:00"},
		{"in Ramadan", "Africa/Casablanca", "22:00", "06:00", "", "", "2026-03-21 12:00 +00:00", "2026-03-22 12:00 +01:00", "03-21 22:00..03-22 06:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &Window{From: minutes(t, c.from), To: minutes(t, c.to), Zone: zone(t, c.zone)}
			for _, d := range strings.Fields(c.days) {
				w.Days |= 1 << slices.Index([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, d)
			}
			for _, text := range strings.Fields(c.holidays) {
				d, ok := ParseDate(text)
				if !ok {
					t.Fatal(text)
				}
				w.Holidays = append(w.Holidays, d)
			}
			var got []string
			in := false
			for at := moment(t, c.start); at.Before(moment(t, c.end)); at = at.Add(time.Minute) {
				is := w.Contains(at)
				if is && !in {
					got = append(got, at.In(w.Zone).Format("01-02 15:04.."))
					if end, ok := w.End(at); ok {
						if before := end.Add(-time.Minute); !w.Contains(before) || w.Contains(end) {
							t.Errorf("from %s it ends at %s, and it does not", at.In(w.Zone), end.In(w.Zone))
						}
					}
				}
				if !is && in {
					got[len(got)-1] += at.In(w.Zone).Format("01-02 15:04")
				}
				in = is
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestNoEnd: a window that is never left has no end, and looking for it takes no time.
func TestNoEnd(t *testing.T) {
	w := &Window{Zone: zone(t, "America/New_York")}
	at := moment(t, "2026-03-01 12:00 +00:00")
	if end, ok := w.End(at); ok {
		t.Errorf("it ends at %s", end)
	}
	w.Days = 1<<7 - 1 - 1<<6 // not on Sundays
	if end, ok := w.End(at.AddDate(0, 0, 1)); !ok || end.In(w.Zone).Format("Mon 15:04") != "Sun 00:00" {
		t.Errorf("got %s, %v", end.In(w.Zone), ok)
	}
}

// mark is what a wall clock shows, in minutes of a calendar without zones; the highest
// that it has shown up to an instant is what decides.
type mark int64

func shown(at time.Time, zone *time.Location) mark {
	l := at.In(zone)
	return mark(time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC).Unix() / 60)
}

// highest looks at the clock minute by minute.
func highest(at time.Time, zone *time.Location) mark {
	high := mark(0)
	for t := at.Add(-30 * time.Hour); !t.After(at); t = t.Add(time.Minute) {
		high = max(high, shown(t, zone))
	}
	return high
}

// has tells by plain arithmetic whether a window has what the clock shows.
func (w *Window) has(m mark) bool {
	today := Date(int64(m) / dayMinutes)
	in := slices.Contains(w.Holidays, today)
	for _, d := range []Date{today, today - 1} {
		from, to := mark(d)*dayMinutes+mark(w.From), mark(d)*dayMinutes+mark(w.To)
		if w.To <= w.From {
			to += dayMinutes
		}
		if w.Days == 0 || w.Days>>((int64(d)+3)%7)&1 == 1 {
			in = in || from <= m && m < to
		}
	}
	return in
}

var zones = []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "Asia/Shanghai", "UTC", "America/St_Johns", "Antarctica/Troll", "Africa/Cairo", "Asia/Gaza"}

// FuzzWindow compares with a clock that is looked at minute by minute.
func FuzzWindow(f *testing.F) {
	for i, at := range []string{"2026-03-08 03:00 -04:00", "2026-10-25 02:00 +02:00", "2026-10-04 02:30 +11:00", "2018-11-04 01:00 -02:00", "2026-03-22 03:00 +01:00",
		"1986-01-01 00:15 +05:45", "2011-12-31 00:00 +14:00", "1986-05-04 03:00 +09:00", "2026-03-01 00:00 +00:00", "2006-10-29 00:01 -02:30", "2026-10-25 01:00 +00:00"} {
		f.Add(uint8(i), moment(f, at).Unix(), uint16(22*60), uint16(8*60), uint8(0), int8(0))
		f.Add(uint8(i), moment(f, at).Unix(), uint16(0), uint16(24*60), uint8(31), int8(1))
		f.Add(uint8(i), moment(f, at).Unix(), uint16(2*60), uint16(3*60), uint8(0), int8(-1))
	}
	f.Fuzz(func(t *testing.T, zoneIndex uint8, unix int64, from, to uint16, days uint8, holiday int8) {
		const first, last = 378_691_200, 4_102_444_800 // 1982 to 2099: offsets are whole minutes
		at := time.Unix(first+floorMod(unix-first, last-first), 0)
		w := &Window{From: int(from % dayMinutes), To: int(to % (dayMinutes + 1)), Days: uint32(days & 127), Zone: zone(t, zones[int(zoneIndex)%len(zones)])}
		at = at.Truncate(time.Minute)
		w.Holidays = []Date{localTime(at, w.Zone).date() + Date(holiday%4)}

		high := highest(at, w.Zone)
		if got, want := w.Contains(at), w.has(high); got != want {
			t.Fatalf("%+v contains %s: got %v, want %v", w, at.In(w.Zone), got, want)
		}
		end, ok := w.End(at)
		next := Next(at, w.From, w.Zone)
		if next.Before(at) || !Next(next, w.From, w.Zone).Equal(next) || !Next(next.Add(-time.Nanosecond), w.From, w.Zone).Equal(next) {
			t.Fatalf("next of %d in %s after %s is %s, and is not its own", w.From, w.Zone, at.In(w.Zone), next.In(w.Zone))
		}
		foundEnd, foundNext := !ok, false
		before := highest(at.Add(-time.Minute), w.Zone)
		for step := at; step.Sub(at) < 4*24*time.Hour && !(foundEnd && foundNext); step = step.Add(time.Minute) {
			high = max(high, shown(step, w.Zone))
			if !foundEnd && !w.has(high) {
				if foundEnd = true; !step.Equal(end) {
					t.Fatalf("%+v from %s: it ends at %s, want %s", w, at.In(w.Zone), end.In(w.Zone), step.In(w.Zone))
				}
			}
			// The clock passes the time of the day for the first time.
			if due := high - mark(floorMod(int64(high)-int64(w.From), dayMinutes)); !foundNext && before < due {
				if foundNext = true; !step.Equal(next) {
					t.Fatalf("next of %d in %s after %s: got %s, want %s", w.From, w.Zone, at.In(w.Zone), next.In(w.Zone), step.In(w.Zone))
				}
			}
			before = high
		}
		if later := Next(at.Add(time.Minute), w.From, w.Zone); later.Before(next) {
			t.Fatalf("next of %d in %s is not monotone at %s", w.From, w.Zone, at.In(w.Zone))
		}
	})
}

func BenchmarkContains(b *testing.B) {
	w := &Window{From: 22 * 60, To: 8 * 60, Zone: zone(b, "Europe/Berlin")}
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		w.Contains(at)
	}
}
