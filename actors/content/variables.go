package content

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"reddot/actors"
)

// The types of variables.
const (
	typeString = "string"
	typeNumber = "number"
	typeBool   = "bool"
	typeTime   = "time" // RFC 3339; it is shown in the offset that it is written with
	typeList   = "list"
	typeObject = "object"
)

// types are all of them.
var types = []string{typeString, typeNumber, typeBool, typeTime, typeList, typeObject}

// checkVariables returns what is wrong with what is said of the variables.
func checkVariables(vars map[string]Variable) error {
	if len(vars) > maxVariables {
		return wrong("variables", "there are at most %d", maxVariables)
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v, field := vars[name], "variables."+name
		switch {
		case !isVariable(name) || name == loopVariable:
			return wrong(field, "a variable has 1 to %d characters of a-z A-Z 0-9 _, begins with a letter, and is no word of Liquid's", MaxID)
		case !slices.Contains(types, v.Type):
			return wrong(field+".type", "it must be one of %s", strings.Join(types, ", "))
		case len(v.Description) > MaxDescription:
			return large(field+".description", MaxDescription)
		case v.Required && v.Default != nil:
			return wrong(field+".default", "what is required has no default")
		case v.Default != nil:
			if _, err := v.bind(field+".default", v.Default); err != nil {
				return err
			}
		}
	}
	return nil
}

func isVariable(name string) bool {
	if name == "" || len(name) > MaxID || slices.Contains(keywords, name) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return true
}

// bind returns what the JSON is to Liquid, if it is of the variable's type.
func (v Variable) bind(field string, raw json.RawMessage) (any, error) {
	x, err := decodeJSON(raw)
	if err != nil {
		return nil, wrong(field, "it is no JSON")
	}
	ok := false
	switch v.Type {
	case typeString:
		_, ok = x.(string)
	case typeNumber:
		var n json.Number
		if n, ok = x.(json.Number); ok {
			f, err := strconv.ParseFloat(n.String(), 64)
			ok = err == nil && !math.IsInf(f, 0)
		}
	case typeBool:
		_, ok = x.(bool)
	case typeTime:
		if s, is := x.(string); is {
			if _, good := actors.ParseTime(s); good {
				if at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s)); err == nil {
					return at, nil // with its offset
				}
			}
		}
		return nil, wrong(field, "it must be a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z")
	case typeList:
		var list []any
		if list, ok = x.([]any); ok && len(list) > maxItems {
			return nil, wrong(field, "a list has at most %d items", maxItems)
		}
	case typeObject:
		_, ok = x.(map[string]any)
	}
	if !ok {
		return nil, wrong(field, "it must be a %s", v.Type)
	}
	return bound(x), nil
}

// Bind returns the variables that data, an object or nothing, gives values to. field
// precedes the names of those that are wrong.
func (t *Template) Bind(field string, data json.RawMessage) (Values, error) {
	given := map[string]json.RawMessage{}
	switch {
	case len(data) > MaxData:
		return nil, large(field, MaxData)
	case len(data) > 0:
		if err := json.Unmarshal(data, &given); err != nil || given == nil {
			return nil, wrong(field, "it must be an object")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := t.source.Variables[name]; !ok {
			return nil, wrong(field+"."+cut(name), "the template has no such variable; it has %s", names(t.source.Variables))
		}
	}
	values := make(Values, len(t.source.Variables))
	for _, name := range slices.Sorted(maps.Keys(t.source.Variables)) {
		v := t.source.Variables[name]
		raw, at := given[name], field+"."+name
		switch {
		case len(raw) > 0 && string(raw) != "null":
		case v.Required:
			return nil, wrong(at, "the template needs it")
		case v.Default != nil:
			raw = v.Default
		default:
			values[name] = nil
			continue
		}
		x, err := v.bind(at, raw)
		if err != nil {
			return nil, err
		}
		values[name] = x
	}
	return values, nil
}

// Values are variables with their values, as Bind has checked them.
type Values map[string]any

// names lists what variables there are, for people.
func names(vars map[string]Variable) string {
	if len(vars) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(vars)), ", ")
}

// cut returns a text as an error repeats it.
func cut(s string) string {
	if len(s) <= MaxID {
		return s
	}
	return strings.ToValidUTF8(s[:MaxID], "")
}
