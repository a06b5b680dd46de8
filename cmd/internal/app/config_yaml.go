package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// decodeYAML reads the file's text into cfg. Each mistake is told with its
// line: an unknown name, a name that comes twice, a value of another kind.
func decodeYAML(file string, text []byte, cfg *Config) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	d := decoder{file: filepath.Base(file)}
	d.section(doc.Content[0], "", reflect.ValueOf(cfg).Elem())
	return errors.Join(d.errs...)
}

type decoder struct {
	file string
	errs []error
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...)))
}

// section reads a mapping into a struct. An empty one sets nothing.
func (d *decoder) section(n *yaml.Node, path string, v reflect.Value) {
	n = resolve(n)
	if n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s holds settings of its own; write them below it, indented", or(path, "the file"))
		return
	}
	fields, names := map[string]reflect.Value{}, []string{}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		fields[name], names = v.Field(i), append(names, name)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f, ok := fields[key.Value]
		switch {
		case !ok:
			d.fail(key, "there is no setting %q%s", join(path, key.Value), didYouMean(key.Value, names))
		case seen[key.Value] > 0:
			d.fail(key, "%s was set in line %d already", join(path, key.Value), seen[key.Value])
		default:
			seen[key.Value] = key.Line
			d.value(value, join(path, key.Value), f)
		}
	}
}

func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	n = resolve(n)
	switch {
	case isSection(v):
		d.section(n, path, v)
	case v.Kind() == reflect.Slice:
		d.list(n, path, v)
	case n.Kind != yaml.ScalarNode:
		d.fail(n, "%s takes one value", path)
	case n.Tag == "!!null": // "name:" with nothing behind it: as if it were not there
	default:
		d.scalar(n, path, v)
	}
}

// list reads a sequence; a list of texts may also be one text with commas.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	switch {
	case n.Tag == "!!null":
		return
	case n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String:
		d.scalar(n, path, v)
		return
	case n.Kind != yaml.SequenceNode:
		d.fail(n, "%s is a list", path)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, path+"["+strconv.Itoa(i)+"]", out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	if err := setValue(v, n.Value); err != nil {
		d.fail(n, "%s: %v", path, err)
	}
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// YAML returns the configuration as a file that has every setting, secrets as
// ***.
func (c Config) YAML() string {
	text, err := yaml.Marshal(encode(reflect.ValueOf(c)))
	if err != nil {
		panic(err) // a tree of texts
	}
	return string(text)
}

// encode returns the tree of a value. Numbers and truth values are plain,
// texts are quoted where YAML needs it.
func encode(v reflect.Value) *yaml.Node {
	switch {
	case isSection(v):
		n := &yaml.Node{Kind: yaml.MappingNode}
		for i := range v.NumField() {
			name := &yaml.Node{Kind: yaml.ScalarNode, Value: v.Type().Field(i).Tag.Get("yaml")}
			n.Content = append(n.Content, name, encode(v.Field(i)))
		}
		return n
	case v.Kind() == reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			n.Content = append(n.Content, encode(v.Index(i)))
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: valueText(v)}
	switch v.Kind() {
	case reflect.String, reflect.Struct:
		n.Tag = "!!str"
	}
	return n
}
