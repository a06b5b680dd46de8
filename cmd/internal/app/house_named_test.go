package app

import (
	"os"
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
