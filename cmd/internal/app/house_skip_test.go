package app

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// skipReasons are those that a text may give: -short, or what a machine lacks.
var skipReasons = regexp.MustCompile(`-short|starts processes|apt-get|make\b|mount|root`)

// houseSkips: a test skips itself only for what its machine lacks, never for what
// the test itself chose. CI takes every skip for a failure.
func houseSkips(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "f" || x.Name == "b") && !sound(call.Args) {
				t.Errorf("%s: a test skips itself only for what the machine lacks: with the error that says so, or a reason that matches %s", f.at(call), skipReasons)
			}
			return true
		})
	}
}

// sound tells whether what a skip says is an error or one of skipReasons.
func sound(args []ast.Expr) bool {
	return slices.ContainsFunc(args, func(a ast.Expr) bool {
		switch a := a.(type) {
		case *ast.Ident:
			return a.Name == "err"
		case *ast.BasicLit:
			return skipReasons.MatchString(strings.ToLower(a.Value))
		}
		return false
	})
}

// excludedRules are those that .ci/golangci.yml takes out of gosec.
var excludedRules = regexp.MustCompile(`\bG(104|115|304|404)\b`)

// houseMarks: no mark silences a linter that is silent there anyway: gosec looks at
// no test, and not by the rules that its settings exclude.
func houseMarks(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		for _, g := range f.ast.Comments {
			for _, c := range g.List {
				mark := strings.HasPrefix(c.Text, "// #nosec") || strings.HasPrefix(c.Text, "//#nosec") || strings.HasPrefix(c.Text, "//nolint:gosec")
				if mark && (f.test || excludedRules.MatchString(c.Text)) {
					t.Errorf("%s: a mark for gosec, which says nothing there", f.at(c))
				}
			}
		}
	}
}
