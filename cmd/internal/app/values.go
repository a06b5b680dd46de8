package app

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"reddot/transports"
)

// A Duration is written as Go writes one, and may begin with days: 30d, 1d12h.
type Duration time.Duration

// ParseDuration reads a duration.
func ParseDuration(s string) (Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration; write 500ms, 30s, 5m, 24h or 30d", s)
		}
		return Duration(d), nil
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration; write 500ms, 30s, 5m, 24h or 30d", s)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 || more > math.MaxInt64-d {
			return 0, fmt.Errorf("%q is no duration; write 500ms, 30s, 5m, 24h or 30d", s)
		}
		d += more
	}
	return Duration(d), nil
}

// String returns the duration without parts that are zero.
func (d Duration) String() string {
	const day = 24 * time.Hour
	t := time.Duration(d)
	if t >= day && t%time.Hour == 0 {
		s := strconv.Itoa(int(t/day)) + "d"
		if t %= day; t > 0 {
			s += strconv.Itoa(int(t/time.Hour)) + "h"
		}
		return s
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// A Size is a number of bytes, written with a unit: 4MiB, 64KiB, 100kB, 512.
type Size int64

// sizeUnits are in the order in which String tries them.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// ParseSize reads a size. -1 is one too: no limit.
func ParseSize(s string) (Size, error) {
	number, unit := s, int64(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n < -1 || n == -1 && unit != 1 {
		return 0, fmt.Errorf("%q is no size; write 512, 64KiB, 4MiB or 100kB", s)
	}
	return Size(n * unit), nil
}

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if s > 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// setValue gives v, a leaf of Config, the value that text writes.
func setValue(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *transports.Secret:
		*p = transports.NewSecret(text)
		return nil
	case *Duration:
		d, err := ParseDuration(text)
		*p = d
		return err
	case *Size:
		s, err := ParseSize(text)
		*p = s
		return err
	case *[]string:
		*p = splitList(text)
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) {
			return fmt.Errorf("%q is no number", text)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("it cannot be written in one line; use the file")
	}
	return nil
}

// splitList reads a list with commas between its elements.
func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// valueText writes a leaf as setValue reads it; a secret as ***.
func valueText(v reflect.Value) string {
	if s, ok := v.Interface().(transports.Secret); ok && s.IsZero() {
		return ""
	}
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	if v.Kind() == reflect.Float64 {
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}
