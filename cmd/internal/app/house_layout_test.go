package app

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The drawing of the rooms in the README, between these two lines.
const (
	layoutBegin = "<!-- make layout -->\n"
	layoutEnd   = "<!-- end -->\n"
)

// TestHouseLayout holds that the README's drawing of the rooms is true. With
// REDDOT_LAYOUT=write (make layout) it draws it anew.
func TestHouseLayout(t *testing.T) {
	file := filepath.Join(root, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), layoutBegin)
	drawn, after, ok2 := strings.Cut(rest, layoutEnd)
	if !ok || !ok2 {
		t.Fatal("the README has no place for the drawing of the rooms")
	}
	want := drawRooms(source(t))
	if drawn == want {
		return
	}
	if os.Getenv("REDDOT_LAYOUT") != "write" {
		t.Fatal("the README's drawing of the rooms is not true any more; run make layout")
	}
	if err := os.WriteFile(file, []byte(before+layoutBegin+want+layoutEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// drawRooms draws each package with its size, in hundreds of lines without tests and
// what is generated, and what it imports of ours besides its parents.
func drawRooms(files []*sourceFile) string {
	lines, imports := map[string]int{}, map[string]map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		pkg := f.pkg()
		if imports[pkg] == nil {
			imports[pkg] = map[string]bool{}
		}
		if !f.generated {
			lines[pkg] += f.lines
		}
		for _, imp := range f.ast.Imports {
			to, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), "reddot/")
			if ours && !strings.HasPrefix(pkg, to+"/") {
				imports[pkg][to] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("```\nroom                        lines  imports\n")
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		size := "<100"
		if n := (lines[pkg] + 50) / 100 * 100; n > 0 {
			size = strconv.Itoa(n)
		}
		fmt.Fprint(&b, strings.TrimRight(fmt.Sprintf("%-27s %5s  %s", pkg, size, strings.Join(slices.Sorted(maps.Keys(imports[pkg])), " ")), " "), "\n")
	}
	b.WriteString("```\n")
	return b.String()
}
