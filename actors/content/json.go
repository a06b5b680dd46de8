package content

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"
)

// decodeJSON reads one value, with numbers as they are written.
func decodeJSON(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err = d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

// encodeJSON writes a value in its shortest form, with the members of objects in order.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// maxWhole is up to where a float64 holds each whole number.
const maxWhole = 1 << 53

// bound returns a decoded value as Liquid computes with it: a number without a fraction
// is an int, any other a float64.
func bound(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return v.String()
		}
		if f == math.Trunc(f) && math.Abs(f) < maxWhole {
			return int(f)
		}
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = bound(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			out[name] = bound(v[name])
		}
		return out
	}
	return v
}

// unbound returns a value of Liquid's as JSON has it.
func unbound(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339)
	case markup:
		return string(v)
	}
	return v
}
