package content

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// A part is a string to visit.
type part struct {
	name  string
	s     *string
	limit int
	html  bool
}

// all visits the strings that are not empty.
func (v *visitor) all(field string, parts ...part) (err error) {
	for _, p := range parts {
		if *p.s == "" {
			continue
		}
		if *p.s, err = v.text(field+p.name, *p.s, p.limit, p.html); err != nil {
			return err
		}
	}
	return nil
}

// each visits a map of short strings in the order of its keys.
func (v *visitor) each(field string, old map[string]string) (map[string]string, error) {
	if len(old) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(old))
	for _, name := range slices.Sorted(maps.Keys(old)) {
		s, err := v.text(field+"."+name, old[name], MaxShort, false)
		if err != nil {
			return nil, err
		}
		out[name] = s
	}
	return out, nil
}

// json visits the strings within a JSON value.
func (v *visitor) json(field string, raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	tree, err := decodeJSON(raw)
	if err != nil {
		return nil, wrong(field, "it is no JSON")
	}
	if tree, err = v.tree(field, tree); err != nil {
		return nil, err
	}
	out, err := encodeJSON(tree)
	if err != nil {
		return nil, fmt.Errorf("%s: encode: %w", field, err)
	}
	if len(out) > MaxData {
		return nil, large(field, MaxData)
	}
	return out, nil
}

func (v *visitor) tree(field string, at any) (any, error) {
	switch at := at.(type) {
	case string:
		return v.data(field, at)
	case []any:
		out := make([]any, len(at))
		for i, item := range at {
			x, err := v.tree(field+"."+strconv.Itoa(i), item)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(at))
		for _, name := range slices.Sorted(maps.Keys(at)) {
			x, err := v.tree(field+"."+name, at[name])
			if err != nil {
				return nil, err
			}
			out[name] = x
		}
		return out, nil
	}
	return at, nil
}
