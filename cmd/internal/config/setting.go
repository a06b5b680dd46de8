package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// A setting is one leaf of a Config, or of an App.
type setting struct {
	path  string
	value reflect.Value
	tags  reflect.StructTag
}

// inBytes tells whether the setting is a size.
func (s setting) inBytes() bool { return s.tags.Get("unit") == "bytes" }

// isList tells whether the setting is a list of structs, which only the file can
// hold.
func (s setting) isList() bool {
	return s.value.Kind() == reflect.Slice && s.value.Type().Elem().Kind() == reflect.Struct
}

// settings returns the leaves of cfg that can be written in one line, in the order of
// reference.yaml.
func settings(cfg *Config) []setting {
	all := slices.DeleteFunc(leaves(reflect.ValueOf(cfg).Elem()), setting.isList)
	inOrder(all)
	return all
}

// leaves returns all settings of a struct.
func leaves(v reflect.Value) (all []setting) {
	eachField("", v, func(path string, v reflect.Value, tags reflect.StructTag) {
		all = append(all, setting{path, v, tags})
	})
	return all
}

// eachField calls do with each leaf below v, at its path behind the prefix.
func eachField(prefix string, v reflect.Value, do func(path string, v reflect.Value, tags reflect.StructTag)) {
	for i := range v.NumField() {
		tags := v.Type().Field(i).Tag
		name, how, _ := strings.Cut(tags.Get("yaml"), ",")
		switch {
		case how == "inline":
			eachField(prefix, v.Field(i), do)
		case name == "":
		case isSection(v.Field(i).Type()):
			eachField(prefix+name+".", v.Field(i), do)
		default:
			do(prefix+name, v.Field(i), tags)
		}
	}
}

// isSection tells whether a type holds further settings.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// inOrder sorts settings as reference.yaml has them.
func inOrder(all []setting) {
	order := referenceOrder()
	slices.SortStableFunc(all, func(a, b setting) int { return order[a.path] - order[b.path] })
}

// referenceOrder returns the places of all paths in reference.yaml.
var referenceOrder = sync.OnceValue(func() map[string]int {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(Reference), &doc); err != nil {
		panic(err) // a test reads it
	}
	order := map[string]int{}
	var walk func(prefix string, n *yaml.Node)
	walk = func(prefix string, n *yaml.Node) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			path := prefix + n.Content[i].Value
			order[path] = len(order) + 1
			if n.Content[i+1].Kind == yaml.MappingNode {
				walk(path+".", n.Content[i+1])
			}
		}
	}
	walk("", doc.Content[0])
	return order
})

// below tells whether a path is one of a list, or below one of it.
func below(path string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return path == p || strings.HasPrefix(path, p+".") })
}

// didYouMean returns a hint at the name that is nearest to what was written,
// if one is near.
func didYouMean(got string, names []string) string {
	best, at := "", max(2, len(got)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(n)); d < at {
			best, at = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is Levenshtein's: how many bytes to change, add or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
