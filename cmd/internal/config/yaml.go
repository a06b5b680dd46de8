package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	d.section(doc.Content[0], "", "", newSections(reflect.ValueOf(cfg).Elem()))
	return errors.Join(d.errs...)
}

// sections are a struct's settings, and the names in each of its sections.
type sections struct {
	settings map[string]setting  // by path
	names    map[string][]string // by the section's path; the struct's own is empty
}

func newSections(v reflect.Value) *sections {
	in := &sections{map[string]setting{}, map[string][]string{}}
	for _, s := range leaves(v) {
		in.settings[s.path] = s
		for path := s.path; path != ""; {
			above, name := split(path)
			if !slices.Contains(in.names[above], name) {
				in.names[above] = append(in.names[above], name)
			}
			path = above
		}
	}
	return in
}

type decoder struct {
	file string
	errs []error
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...)))
}

// section reads a mapping into the section at a path. shown is what the path is in
// the file. An empty mapping sets nothing.
func (d *decoder) section(n *yaml.Node, shown, path string, in *sections) {
	n = resolve(n)
	if n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s holds settings of its own; write them below it, indented", cmp.Or(shown, "the file"))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at, shown := join(path, key.Value), join(shown, key.Value)
		s, isSetting := in.settings[at]
		switch {
		case !slices.Contains(in.names[path], key.Value):
			d.fail(key, "there is no setting %q%s", shown, didYouMean(key.Value, in.names[path]))
		case seen[key.Value] > 0:
			d.fail(key, "%s was set in line %d already", shown, seen[key.Value])
		case isSetting:
			seen[key.Value] = key.Line
			d.setting(value, shown, s)
		default:
			seen[key.Value] = key.Line
			d.section(value, shown, at, in)
		}
	}
}

func (d *decoder) setting(n *yaml.Node, shown string, s setting) {
	n = resolve(n)
	switch {
	case s.value.Kind() == reflect.Slice:
		d.list(n, shown, s)
	case n.Kind != yaml.ScalarNode:
		d.fail(n, "%s takes one value", shown)
	case n.Tag == "!!null": // "name:" with nothing behind it: as if it were not there
	default:
		d.scalar(n, shown, s)
	}
}

// list reads a sequence; a list of texts may also be one text with commas.
func (d *decoder) list(n *yaml.Node, shown string, s setting) {
	switch {
	case n.Tag == "!!null":
		return
	case n.Kind == yaml.ScalarNode && !s.isList():
		d.scalar(n, shown, s)
		return
	case n.Kind != yaml.SequenceNode:
		d.fail(n, "%s is a list", shown)
		return
	}
	out := reflect.MakeSlice(s.value.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		shown := shown + "[" + strconv.Itoa(i) + "]"
		if s.isList() {
			d.section(item, shown, "", newSections(out.Index(i)))
		} else {
			d.setting(item, shown, setting{value: out.Index(i)})
		}
	}
	s.value.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, shown string, s setting) {
	if err := s.set(n.Value); err != nil {
		d.fail(n, "%s: %v", shown, err)
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

// split is the opposite of join: it returns the section's path, and the name in it.
func split(path string) (above, name string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

// YAML returns the configuration as a file that has every setting, secrets as
// ***, in the order of reference.yaml.
func (c Config) YAML() string {
	all := leaves(reflect.ValueOf(&c).Elem())
	inOrder(all)
	text, err := yaml.Marshal(encode(all))
	if err != nil {
		panic(err) // a tree of texts
	}
	return string(text)
}

// encode returns the tree of settings, whose sections stand together.
func encode(all []setting) *yaml.Node {
	root := &yaml.Node{Kind: yaml.MappingNode}
	at := map[string]*yaml.Node{"": root}
	var section func(path string) *yaml.Node
	put := func(path string, n *yaml.Node) {
		above, name := split(path)
		in := section(above)
		in.Content = append(in.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, n)
	}
	section = func(path string) *yaml.Node {
		if at[path] == nil {
			at[path] = &yaml.Node{Kind: yaml.MappingNode}
			put(path, at[path])
		}
		return at[path]
	}
	for _, s := range all {
		put(s.path, encodeValue(s))
	}
	return root
}

// encodeValue returns the node of a value. Numbers and truth values are plain, texts
// are quoted where YAML needs it.
func encodeValue(s setting) *yaml.Node {
	v := s.value
	if v.Kind() == reflect.Slice {
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			if s.isList() {
				n.Content = append(n.Content, encode(leaves(v.Index(i))))
			} else {
				n.Content = append(n.Content, encodeValue(setting{value: v.Index(i)}))
			}
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: s.text()}
	switch v.Kind() {
	case reflect.String, reflect.Struct:
		n.Tag = "!!str"
	}
	return n
}
