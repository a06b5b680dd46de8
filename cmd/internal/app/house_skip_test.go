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

// gosecMark is how a mark for gosec names the rule that it silences, and why.
var gosecMark = regexp.MustCompile(`^//nolint:gosec // G\d{3}: \S`)

// excludedRules are those that .ci/golangci.yml takes out of gosec.
var excludedRules = regexp.MustCompile(`\bG(104|115|304|404)\b`)

// houseMarks: a mark silences gosec in the linter's own form, in which nolintlint
// finds one that silences nothing: in gosec's (#nosec) nobody would. It names the
// rule and the reason, and stands neither in tests, which gosec does not look at,
// nor for a rule that the settings exclude.
func houseMarks(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		for _, g := range f.ast.Comments {
			for _, c := range g.List {
				text := strings.TrimLeft(c.Text, "/* \t")
				switch {
				case strings.HasPrefix(text, "#nosec"), strings.HasPrefix(text, "gosec:disable"):
					t.Errorf("%s: a mark in gosec's form, of which nobody finds out that it silences nothing; write //nolint:gosec // G123: why", f.at(c))
				case !strings.HasPrefix(text, "nolint:gosec"):
				case !gosecMark.MatchString(c.Text):
					t.Errorf("%s: a mark for gosec that does not name its rule and why: //nolint:gosec // G123: why", f.at(c))
				case f.test || excludedRules.MatchString(c.Text):
					t.Errorf("%s: a mark for gosec, which says nothing there", f.at(c))
				}
			}
		}
	}
}
