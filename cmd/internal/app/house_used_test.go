package app

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// askedFor are methods that other modules' interfaces ask for.
var askedFor = []string{
	"String", "GoString", "Format", "Error", "Is", "Unwrap", "LogValue", "MarshalJSON", "MarshalText", "UnmarshalJSON", "UnmarshalText", // Go's
	"Read", "Write", "Close", "ReadFrom", "WriteTo",
	"Describe", "Collect", // prometheus.Collector
	"Printf", "SupportsBodyWriteTo", // fasthttp
	"Validate",                          // jwt.ClaimsValidator
	"MergeNewer", "MergeOlder", "Infof", // pebble
	"RegisterHandlers", "UserMessageCount", "PostUserMessage", "PostSystemMessage", "StartClient", // protoactor
	"NodeMeta", "NotifyMsg", "GetBroadcasts", "LocalState", "MergeRemoteState", "NotifyJoin", "NotifyUpdate", "NotifyLeave", // memberlist
}

// testedFromOutside are names that tests in other rooms use, and no other code, each
// with the reason.
var testedFromOutside = map[string]string{
	"actors/store/memory.":                   "a double",
	"actors/gateway.Resumes":                 "the double of a gateway, in the tests of transports, replays as one",
	"actors/store/pgserver.":                 "a double",
	"cmd/internal/app.MQTTAddr":              "where tests find a server that has chosen its port",
	"cmd/internal/app.MQTTSecureAddr":        "likewise",
	"transports.DoubtedShare":                "documented to operators, and tested where it is spent",
	"transports.MaxMarkIDs":                  "of the public contract, which is tested in api and mqtt",
	"transports.MaxPattern":                  "likewise, in auth",
	"transports.MaxTopics":                   "likewise",
	"transports.ProblemType":                 "likewise, in api and auth",
	"transports/mqtt/packet.SubscriptionIDs": "clients read them; the transcripts show them",
	"transports/websocket.FinBit":            "tests of ws write frames by hand",
	"transports/ws.Subprotocol":              "tests of other programs' clients ask for it",
}

// houseUsed: what is exported has a user in code that is no test: a package's names
// outside of it, methods and fields anywhere. It goes by names alone, so that it
// misses a method that shares its name with one that is used, and never tells of one
// that is.
func houseUsed(t *testing.T, files []*sourceFile) {
	u := findUses(files)
	found := map[string]bool{}
	for _, f := range files {
		pkg := f.pkg()
		if f.test || f.generated || f.ast.Name.Name == "main" || !u.imported[pkg] {
			continue // what only tests import is a double, and its users are tests
		}
		for _, d := range f.ast.Decls {
			for _, n := range unusedOf(d, pkg, u) {
				if name, ok := isTestedFromOutside(pkg, n.Name); ok {
					found[name] = true
					continue
				}
				t.Errorf("%s: %s is exported, and no code but tests uses it; remove it, or write it small (export_test.go shows it to tests outside)", f.at(n), n.Name)
			}
		}
	}
	for name := range testedFromOutside {
		if !found[name] {
			t.Errorf("%s stands in a list of names that only tests use, and is not one", name)
		}
	}
}

// isTestedFromOutside returns the entry of testedFromOutside for a name of a package,
// if there is one; that of a whole package ends with a dot.
func isTestedFromOutside(pkg, name string) (entry string, ok bool) {
	for _, entry := range []string{pkg + "." + name, pkg + "."} {
		if testedFromOutside[entry] != "" {
			return entry, true
		}
	}
	return "", false
}

// uses are the names that code which is no test mentions.
type uses struct {
	imported map[string]bool            // packages of ours
	outside  map[string]map[string]bool // by package: the names that others take of it
	inside   map[string]map[string]bool // by package: the names that it uses itself
	members  map[string]bool            // what stands behind a dot, in a literal or in an interface
}

func findUses(files []*sourceFile) *uses {
	u := &uses{map[string]bool{}, map[string]map[string]bool{}, map[string]map[string]bool{}, map[string]bool{}}
	for _, name := range askedFor {
		u.members[name] = true
	}
	for _, f := range files {
		if f.test {
			continue
		}
		pkg := f.pkg()
		if u.inside[pkg] == nil {
			u.inside[pkg] = map[string]bool{}
		}
		ours := map[string]string{} // by the name in the file
		for _, imp := range f.ast.Imports {
			to, ok := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), "reddot/")
			if !ok {
				continue
			}
			name := path.Base(to)
			if imp.Name != nil {
				name = imp.Name.Name
			}
			ours[name], u.imported[to] = to, true
			if u.outside[to] == nil {
				u.outside[to] = map[string]bool{}
			}
		}
		declared := declarations(f.ast)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				u.members[n.Sel.Name] = true
				if x, ok := n.X.(*ast.Ident); ok && ours[x.Name] != "" {
					u.outside[ours[x.Name]][n.Sel.Name] = true
				}
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok {
					u.members[k.Name] = true
				}
			case *ast.InterfaceType:
				for _, m := range n.Methods.List {
					for _, name := range m.Names {
						u.members[name.Name] = true
					}
				}
			case *ast.Ident:
				if !declared[n] {
					u.inside[pkg][n.Name] = true
				}
			}
			return true
		})
	}
	return u
}

// declarations returns the names at which a file declares something, and its
// methods' receivers.
func declarations(file *ast.File) map[*ast.Ident]bool {
	at := map[*ast.Ident]bool{}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			at[d.Name] = true
			if d.Recv != nil {
				ast.Inspect(d.Recv, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						at[id] = true
					}
					return true
				})
			}
		case *ast.GenDecl:
			for _, n := range declaredNames(d) {
				at[n] = true
			}
		}
	}
	return at
}

// declaredNames returns the names that a declaration of types, constants or variables makes.
func declaredNames(d *ast.GenDecl) (names []*ast.Ident) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name)
		case *ast.ValueSpec:
			names = append(names, s.Names...)
		}
	}
	return names
}

// unusedOf returns the exported names of a declaration that have no user.
func unusedOf(d ast.Decl, pkg string, u *uses) (unused []*ast.Ident) {
	outside, inside := u.outside[pkg], u.inside[pkg]
	switch d := d.(type) {
	case *ast.FuncDecl:
		switch {
		case !d.Name.IsExported():
		case d.Recv == nil && !outside[d.Name.Name], d.Recv != nil && !u.members[d.Name.Name]:
			unused = append(unused, d.Name)
		}
	case *ast.GenDecl:
		unused = append(unused, unusedFields(d, u)...)
		names := declaredNames(d)
		if d.Tok != token.TYPE && (isEnum(d) || len(d.Specs) > 1 && slices.ContainsFunc(names, func(n *ast.Ident) bool { return outside[n.Name] })) {
			return unused // of a list some may be there for completeness
		}
		for _, n := range names {
			// A type may be what others get without naming it, and an error what they may
			// come to ask for.
			free := d.Tok == token.TYPE || strings.HasPrefix(n.Name, "Err")
			if n.IsExported() && !outside[n.Name] && (!free || !inside[n.Name]) {
				unused = append(unused, n)
			}
		}
	}
	return unused
}

// isEnum tells whether constants are the values of an exported type.
func isEnum(d *ast.GenDecl) bool {
	v, ok := d.Specs[0].(*ast.ValueSpec)
	if !ok {
		return false
	}
	of, ok := v.Type.(*ast.Ident)
	return ok && of.IsExported()
}

// unusedFields returns the exported fields of a declaration's structs that nobody reads
// or sets. What has a tag is read by reflection.
func unusedFields(d *ast.GenDecl, u *uses) (unused []*ast.Ident) {
	ast.Inspect(d, func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			for _, name := range f.Names {
				if name.IsExported() && f.Tag == nil && !u.members[name.Name] {
					unused = append(unused, name)
				}
			}
		}
		return true
	})
	return unused
}
