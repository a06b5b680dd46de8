package app

import (
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
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

// What documents name: a link to a file, a path from the module's root, a verb of
// make, and the tests and benchmarks of a command.
var (
	linked   = regexp.MustCompile(`\]\(([^)#:\s]+)[^)]*\)`)
	rooted   = regexp.MustCompile("[ `(](\\./)?((?:actors|cluster|transports|cmd)(?:/[\\w.-]*\\w)*)(?:[`/),:#]|\\.?\\s)")
	makes    = regexp.MustCompile("[`\n]make ([a-z]+)\\b")
	measured = regexp.MustCompile(`go test [^\n|]*?-(run|bench) '?\^?(\w+)[^\n|]*? \./([\w/]+)`)
)

// houseDocuments: what a document names is there, also after it has moved.
func houseDocuments(t *testing.T, files []*sourceFile) {
	verbs, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range documents(t) {
		raw, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), m[1])); err != nil && !strings.HasPrefix(m[1], "/") {
				t.Errorf("%s: links to %s, and there is no such file", doc, m[1])
			}
		}
		for _, m := range rooted.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[2])); err != nil {
				t.Errorf("%s: names %s, and there is no such file", doc, m[2])
			}
		}
		for _, m := range makes.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(verbs), "\n"+m[1]+": ") {
				t.Errorf("%s: names make %s, and the Makefile has no such verb", doc, m[1])
			}
		}
		for _, m := range measured.FindAllStringSubmatch(text, -1) {
			if m[2] != "xxx" && !hasTest(files, m[3], map[string]string{"run": "Test", "bench": "Benchmark"}[m[1]], m[2]) {
				t.Errorf("%s: names -%s %s in %s, and there is none", doc, m[1], m[2], m[3])
			}
		}
	}
}

// documents returns the module's documents.
func documents(t *testing.T) (found []string) {
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (d.Name() == "node_modules" || d.Name() == "bin" || d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		found = append(found, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 3 {
		t.Fatalf("found only %v", found)
	}
	return found
}

// hasTest tells whether a package has a test or benchmark whose name holds the text.
func hasTest(files []*sourceFile, pkg, kind, text string) bool {
	for _, f := range files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && f.test && f.pkg() == pkg && strings.HasPrefix(fn.Name.Name, kind) && strings.Contains(fn.Name.Name, text) {
				return true
			}
		}
	}
	return false
}
