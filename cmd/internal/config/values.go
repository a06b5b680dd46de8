package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"reddot/transports"
)

// ParseDuration reads a duration as Go writes one, which may begin with days: 30d,
// 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration; write 500ms, 30s, 5m, 24h or 30d", s)
		}
		return d, nil
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
	return d, nil
}

// formatDuration writes a duration as ParseDuration reads it, without parts that are
// zero.
func formatDuration(t time.Duration) string {
	const day = 24 * time.Hour
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

// sizeUnits are in the order in which formatSize tries them.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// parseSize reads a number of bytes, written with a unit: 4MiB, 64KiB, 100kB, 512. -1
// is one too: no limit.
func parseSize(s string) (int64, error) {
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
	return n * unit, nil
}

// formatSize writes a size in the largest binary unit that divides it.
func formatSize(n int64) string {
	for _, u := range sizeUnits[:3] {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// set gives the setting the value that text writes.
func (s setting) set(text string) error {
	v := s.value
	switch p := v.Addr().Interface().(type) {
	case *transports.Secret:
		*p = transports.NewSecret(text)
		return nil
	case *time.Duration:
		d, err := ParseDuration(text)
		*p = d
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
	case reflect.Int, reflect.Int64:
		n, err := s.parseInt(text)
		if err != nil {
			return err
		}
		v.SetInt(n)
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

// parseInt reads a number, or a size.
func (s setting) parseInt(text string) (int64, error) {
	if s.inBytes() {
		n, err := parseSize(text)
		if err == nil && s.value.OverflowInt(n) {
			err = fmt.Errorf("%q is more than this machine can count", text)
		}
		return n, err
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", text)
	}
	return int64(n), nil
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

// text writes the value as set reads it; a secret as ***.
func (s setting) text() string {
	switch v := s.value.Interface().(type) {
	case transports.Secret:
		if v.IsZero() {
			return ""
		}
		return v.String()
	case time.Duration:
		return formatDuration(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	if s.inBytes() {
		return formatSize(s.value.Int())
	}
	return fmt.Sprint(s.value.Interface())
}

// checkLeast returns an error if the value is below the least that is taken.
func (s setting) checkLeast() error {
	text, ok := s.tags.Lookup("min")
	if !ok {
		return nil
	}
	least := setting{value: reflect.New(s.value.Type()).Elem(), tags: s.tags}
	if err := least.set(text); err != nil {
		return fmt.Errorf("its field's tag min: %w", err)
	}
	if n := s.value.Int(); n < least.value.Int() {
		return fmt.Errorf("it is %d, and must be at least %d", n, least.value.Int())
	}
	return nil
}
