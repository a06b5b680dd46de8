package content

import (
	"errors"
	"math"
	"strconv"
)

// numeric returns a value as a number; a text that is one is one.
func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return 0, false
}

// amount returns a number as Liquid computes with it.
func amount(f float64) (any, error) {
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return nil, errors.New("the number is too large")
	case f == math.Trunc(f) && math.Abs(f) < maxWhole:
		return int(f), nil
	}
	return f, nil
}

func number(f func(float64) float64) filter {
	return func(v any, _ []any) (any, error) {
		n, ok := numeric(v)
		if !ok {
			return nil, errNumber
		}
		return amount(f(n))
	}
}

func numbers(f func(a, b float64) (float64, error)) filter {
	return func(v any, a []any) (any, error) {
		n, ok := numeric(v)
		m, good := numeric(a[0])
		if !ok || !good {
			return nil, errNumber
		}
		x, err := f(n, m)
		if err != nil {
			return nil, err
		}
		return amount(x)
	}
}

// divide divides: whole numbers without a remainder, as Liquid does it.
func divide(a, b float64) (float64, error) {
	switch {
	case b == 0:
		return 0, errors.New("division by 0")
	case a == math.Trunc(a) && b == math.Trunc(b):
		return math.Floor(a / b), nil
	}
	return a / b, nil
}

func modulo(a, b float64) (float64, error) {
	if b == 0 {
		return 0, errors.New("division by 0")
	}
	return math.Mod(a, b), nil
}

func round(v any, a []any) (any, error) {
	places, err := whole(a, 0, 0)
	n, ok := numeric(v)
	switch {
	case err != nil || places < 0 || places > 9:
		return nil, errors.New("it wants 0 to 9 places")
	case !ok:
		return nil, errNumber
	}
	by := math.Pow10(places)
	return amount(math.Round(n*by) / by)
}

// fixed writes a number with so many places: 3 | fixed: 2 is 3.00.
func fixed(v any, a []any) (any, error) {
	places, err := whole(a, 0, 0)
	n, ok := numeric(v)
	switch {
	case err != nil || places < 0 || places > 9:
		return nil, errors.New("it wants 0 to 9 places")
	case !ok:
		return nil, errNumber
	}
	return strconv.FormatFloat(n, 'f', places, 64), nil
}
