package actors

import (
	"strings"
	"testing"
	"time"
)

// Times are what RFC 3339's grammar says, where Go's own takes more and less.
func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{ // empty: it is none
		"2026-01-31T09:30:00Z":               "2026-01-31T09:30:00Z",
		"2026-01-31t09:30:00z":               "2026-01-31T09:30:00Z",
		"2026-01-31T09:30:00.5Z":             "2026-01-31T09:30:00.5Z",
		"2026-01-31T09:30:00.123456789123Z":  "2026-01-31T09:30:00.123456789Z",
		"2026-01-31T09:30:00+01:30":          "2026-01-31T08:00:00Z",
		"2026-01-31T09:30:00-23:59":          "2026-02-01T09:29:00Z",
		"2026-01-31T09:30:00-00:00":          "2026-01-31T09:30:00Z",
		"2024-02-29T00:00:00Z":               "2024-02-29T00:00:00Z",
		"2000-02-29T00:00:00Z":               "2000-02-29T00:00:00Z",
		"1990-12-31T23:59:60Z":               "1991-01-01T00:00:00Z",
		"1990-12-31T15:59:60.5-08:00":        "1991-01-01T00:00:00.5Z",
		"1937-01-01T12:00:27.87+00:20":       "1937-01-01T11:40:27.87Z",
		"2026-01-31T09:30:00,5Z":             "",
		"2026-01-31T9:30:00Z":                "",
		"2026-01-31T24:00:00Z":               "",
		"2026-01-31T09:60:00Z":               "",
		"2026-01-31T09:30:60Z":               "",
		"2026-01-30T23:59:60Z":               "",
		"2026-12-31T23:59:60+01:00":          "",
		"2026-01-31T09:30:61Z":               "",
		"2026-01-31T09:30Z":                  "",
		"2026-01-31T09:30:00":                "",
		"2026-01-31T09:30:00.Z":              "",
		"2026-01-31T09:30:00+0100":           "",
		"2026-01-31T09:30:00+01":             "",
		"2026-01-31T09:30:00+24:00":          "",
		"2026-01-31T09:30:00+01:60":          "",
		"2026-01-31T09:30:00 Z":              "",
		"2026-01-31 09:30:00Z":               "",
		"2026-1-31T09:30:00Z":                "",
		"2026-13-01T09:30:00Z":               "",
		"2026-00-01T09:30:00Z":               "",
		"2026-02-29T09:30:00Z":               "",
		"2100-02-29T09:30:00Z":               "",
		"2026-04-31T09:30:00Z":               "",
		"2026-01-00T09:30:00Z":               "",
		"26-01-31T09:30:00Z":                 "",
		"+2026-01-31T09:30:00Z":              "",
		"2026-01-31T09:30:00ZZ":              "",
		" 2026-01-31T09:30:00Z":              "",
		"2026-01-31T09:30:00Z ":              "",
		"2026-01-31T09:30:00\xe2\x88\x9201:": "",
		"9999-12-31T23:59:59-01:00":          "",
		"9999-12-31T23:59:60Z":               "",
		"1769851800":                         "",
		"2026-W05-6T09:30:00Z":               "",
		"2026-01-31":                         "",
		"":                                   "",
		"Z":                                  "",
	} {
		got := ""
		if at, ok := ParseTime(text); ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzParseTime: what Go writes is read as it was, and what is read is what Go
// reads, but for what it does not know.
func FuzzParseTime(f *testing.F) {
	f.Add("2026-01-31T09:30:00Z", int64(1769851800))
	f.Add("1990-12-31T23:59:60.25+00:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, sec int64) {
		if at, ok := ParseTime(text); ok && !strings.ContainsAny(text, "tz") && !strings.Contains(text, ":60") {
			if own, err := time.Parse(time.RFC3339, text); err != nil || !own.Equal(at) {
				t.Errorf("%q: got %v; Go: %v, %v", text, at, own, err)
			}
		}
		want := time.Unix(sec%200_000_000_000, sec&0x3fffffff%1e9)
		if y := want.UTC().Year(); y < 1 || y > 9998 {
			return
		}
		if got, ok := ParseTime([]byte(want.UTC().Format(time.RFC3339Nano))); !ok || !got.Equal(want) {
			t.Errorf("%v: got %v, %v", want, got, ok)
		}
	})
}
