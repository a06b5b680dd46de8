package app

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
)

// named is a Go file that a comment names.
var named = regexp.MustCompile(`\b[a-z][\w/]*\.go\b`)

// houseNamed: a file that a comment names is there: in the same room, or by its path
// from that or from the module's root.
func houseNamed(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		if f.generated {
			continue
		}
		for _, g := range f.ast.Comments {
			for _, name := range named.FindAllString(g.Text(), -1) {
				_, here := os.Stat(filepath.Join(root, f.pkg(), name))
				_, there := os.Stat(filepath.Join(root, name))
				if here != nil && there != nil {
					t.Errorf("%s: names %s, and there is no such file", f.at(g), name)
				}
			}
		}
	}
}

// qualified is a name of one of our packages, as a comment names it.
var qualified = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`)

// houseQualified: what a comment names by its package is declared there, also after
// it has moved.
func houseQualified(t *testing.T, files []*sourceFile) {
	declared := map[string]map[string]bool{}
	for _, f := range files {
		name := path.Base(f.pkg())
		if declared[name] == nil {
			declared[name] = map[string]bool{}
		}
		for _, d := range f.ast.Decls {
			for _, n := range declares(d) {
				declared[name][n] = true
			}
		}
	}
	for _, f := range files {
		if f.generated {
			continue
		}
		for _, g := range f.ast.Comments {
			for _, m := range qualified.FindAllStringSubmatch(g.Text(), -1) {
				if names := declared[m[1]]; names != nil && !names[m[2]] {
					t.Errorf("%s: names %s, and there is no such name", f.at(g), m[0])
				}
			}
		}
	}
}

// declares returns the names that a declaration makes, but for methods.
func declares(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}
