package app

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A sourceFile is one of the module's Go files.
type sourceFile struct {
	path      string // from the module's root, with slashes
	test      bool
	generated bool
	lines     int
	ast       *ast.File
	fset      *token.FileSet
}

func (f *sourceFile) pkg() string { return path.Dir(f.path) }

// at tells where in the file a node stands.
func (f *sourceFile) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

const root = "../../.."

// source reads every Go file of the module.
func source(t *testing.T) []*sourceFile {
	t.Helper()
	var files []*sourceFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); name != root && (n == "node_modules" || n == "testdata" || n == "bin" || n[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := &sourceFile{path: filepath.ToSlash(rel), fset: token.NewFileSet(), lines: bytes.Count(text, []byte("\n"))}
		f.test = strings.HasSuffix(f.path, "_test.go")
		if f.ast, err = parser.ParseFile(f.fset, f.path, text, parser.ParseComments); err != nil {
			return err
		}
		f.generated = ast.IsGenerated(f.ast)
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found %d Go files below %s", len(files), root)
	}
	return files
}

// TestHouse holds the rules of the house: those that a compiler does not know
// and a reviewer forgets.
func TestHouse(t *testing.T) {
	files := source(t)
	t.Run("layers", func(t *testing.T) { houseLayers(t, files) })
	t.Run("package docs", func(t *testing.T) { houseDocs(t, files) })
	t.Run("names", func(t *testing.T) { houseNames(t, files) })
	t.Run("file length", func(t *testing.T) { houseLength(t, files) })
	t.Run("package length", func(t *testing.T) { housePackages(t, files) })
	t.Run("pure files", func(t *testing.T) { housePure(t, files) })
	t.Run("named files", func(t *testing.T) { houseNamed(t, files) })
	t.Run("qualified names", func(t *testing.T) { houseQualified(t, files) })
	t.Run("used names", func(t *testing.T) { houseUsed(t, files) })
	t.Run("documents", func(t *testing.T) { houseDocuments(t, files) })
	t.Run("listeners", func(t *testing.T) { houseListeners(t, files) })
	t.Run("clocks", func(t *testing.T) { houseClocks(t, files) })
	t.Run("marks", func(t *testing.T) { houseMarks(t, files) })
	t.Run("skips", func(t *testing.T) { houseSkips(t, files) })
	t.Run("no hidden start or end", func(t *testing.T) { houseNoHidden(t, files) })
	t.Run("no unfinished marks", func(t *testing.T) { houseFinished(t, files) })
	t.Run("top level", houseTop)
}

// layers says which packages of ours a package may import beside its own
// parents. The longest prefix that fits counts.
var layers = map[string][]string{
	"actors": {},
	// The kernel is what all actors are made of. Leaves import it alone; shells
	// import it and leaves, never each other.
	"actors/session":           {"actors"},
	"actors/audience":          {"actors"},
	"actors/catalog":           {"actors"},
	"actors/content":           {"actors", "actors/profile"},                   // which knows locales and channels
	"actors/reviewed":          {"actors", "actors/catalog", "actors/content"}, // which knows the moves
	"actors/templates":         {"actors", "actors/catalog", "actors/content", "actors/reviewed"},
	"actors/index":             {"actors", "actors/audience", "actors/profile"},                                  // a reader of what users' writes left
	"actors/profile":           {"actors", "actors/audience"},                                                    // what segments are matched with
	"actors/inbox":             {"actors", "actors/audience", "actors/profile", "actors/rule", "actors/session"}, // a user's sessions and profile are a part of what the user has
	"actors/explain":           {"actors"},
	"actors/user":              {"actors", "actors/explain", "actors/inbox", "actors/profile", "actors/rule", "actors/schedule", "actors/session"},
	"actors/schedule":          {"actors"},
	"actors/rule":              {"actors", "actors/profile", "actors/schedule"}, // what a user prefers is a rule
	"actors/keywords":          {"actors"},
	"actors/screening":         {"actors", "actors/keywords"}, // lists of them, as they are stored
	"actors/send":              {"actors"},
	"actors/quota":             {"actors", "actors/rule"}, // what policies say it is
	"actors/campaign":          {"actors", "actors/campaign/plan"},
	"actors/campaign/plan":     {"actors", "actors/schedule"},
	"actors/broadcast":         {"actors", "actors/audience", "actors/rule"},
	"actors/retained":          {"actors"},
	"actors/gateway":           {"actors"},
	"actors/topic":             {"actors"},
	"actors/trace":             {"actors"},
	"actors/actorstest":        {"actors", "actors/audience", "actors/broadcast", "actors/campaign", "actors/index", "actors/gateway", "actors/topic", "actors/user", "actors/send", "actors/retained", "actors/store/memory"},
	"actors/actorstest/people": {"actors"}, // it knows nothing of what is compared with it
	// A store's engines never see each other.
	"actors/store":           {"actors"},
	"actors/store/storetest": {"actors", "actors/store", "actors/store/memory"},
	"transports":             {"actors", "actors/gateway", "actors/topic", "transports/jsontext", "transports/streams"}, // JSON is read in one place, for all
	"transports/client":      {},

	"cluster":            {"actors", "actors/broadcast", "actors/gateway", "actors/topic", "cluster/membership", "cluster/stream", "cluster/wire"},
	"cluster/membership": {"actors", "cluster/wire"},
	"cluster/stream":     {"cluster/wire"},
	"cluster/wire":       {"actors"},

	"transports/auth":    {"actors", "transports/jsontext"},
	"transports/streams": {"actors", "actors/gateway", "actors/topic", "transports/jsontext"},
	// The platform's state is campaign's; these are its views and its ways out.
	"transports/api":           {"actors", "actors/audience", "actors/catalog", "actors/content", "actors/index", "actors/profile", "actors/quota", "actors/reviewed", "actors/rule", "actors/screening", "actors/templates", "actors/topic", "actors/trace", "transports/auth", "transports/api/bulk", "transports/api/campaigns", "transports/api/composed", "transports/api/content", "transports/api/judges", "transports/api/paths", "transports/api/places", "transports/api/quotas", "transports/api/resource", "transports/api/results", "transports/api/userjson", "transports/api/words", "transports/jsontext", "transports/streams"},
	"transports/api/policies":  {"actors", "actors/catalog", "actors/profile", "actors/rule", "transports", "transports/api/resource", "transports/api/results", "transports/api/userjson", "transports/jsontext"},
	"transports/api/presences": {"actors", "transports", "transports/api/resource"},
	"transports/api/standings": {"actors", "actors/rule", "transports", "transports/api/resource"},
	"transports/api/why":       {"actors", "actors/trace", "transports", "transports/api/resource"},
	"transports/api/results":   {"actors", "transports", "transports/jsontext"},
	"transports/api/bulk":      {"actors", "actors/index", "actors/profile", "transports", "transports/api/userjson"},
	"transports/api/paths":     {"actors"},
	"transports/api/composed":  {"actors", "actors/content", "actors/templates", "transports"},
	"transports/api/places":    {"actors"},
	"transports/api/judges":    {"actors", "actors/catalog", "transports"},
	"transports/api/campaigns": {"actors", "actors/campaign/plan", "actors/content", "actors/reviewed", "transports", "transports/api/resource", "transports/api/review"},
	"transports/api/review":    {"actors/content", "actors/reviewed", "transports", "transports/api/resource"},
	"transports/api/content":   {"actors", "actors/catalog", "actors/content", "actors/templates", "transports", "transports/api/resource", "transports/api/review"},
	"transports/api/resource":  {"actors", "actors/catalog", "transports"}, // what resources in rooms of their own share
	"transports/api/userjson":  {"actors", "actors/profile", "actors/schedule", "transports", "transports/jsontext"},
	"transports/channels":      {"actors", "actors/campaign"},
	"transports/console":       {"actors", "actors/campaign"},
	"transports/mqtt":          {"actors", "actors/topic", "transports/auth", "transports/mqtt/packet", "transports/streams", "transports/websocket"},
	"transports/jsontext":      {"actors"},
	"transports/mqtt/packet":   {},
	"transports/ws":            {"actors", "actors/topic", "transports/auth", "transports/jsontext", "transports/streams", "transports/websocket"}, // frames are read in one place, for both
	"transports/api/quotas":    {"actors/quota", "actors/rule", "transports", "transports/api/resource"},
	"transports/api/words":     {"actors", "actors/keywords", "actors/screening", "transports", "transports/api/resource", "transports/jsontext"},
	// A load generator reads what comes with code of its own.
	"cmd/internal/load":         {"cmd/internal/load/..."},
	"cmd/internal/load/event":   {},
	"cmd/internal/load/floor":   {},
	"cmd/internal/load/frames":  {"cmd/internal/load/event"},
	"cmd/internal/load/hostile": {"cmd/internal/load/frames", "cmd/internal/load/http1", "cmd/internal/load/mqtt", "cmd/internal/load/report"},
	"cmd/internal/load/http1":   {"cmd/internal/load/poller"},
	"cmd/internal/load/mqtt":    {"cmd/internal/load/frames"},
	"cmd/internal/load/poller":  {},
	"cmd/internal/load/report":  {},

	"cmd/internal/chaos":        {"actors", "actors/store/pgserver", "cmd/internal/chaos/judge", "cmd/internal/chaos/screen", "transports", "transports/mqtt", "transports/mqtt/packet"},
	"cmd/internal/chaos/judge":  {"actors/audience", "cmd/internal/chaos/screen"}, // whose test compares what it says of segments
	"cmd/internal/chaos/screen": {"cmd/internal/load/frames"},                     // streams are read in one place, for both
	"cmd/chaos":                 {"cmd/internal/chaos"},
	"cmd/internal/app":          {"actors", "actors/...", "actors/store/pgserver", "cluster", "cmd/internal/config", "transports", "transports/..."},
	"cmd/internal/config":       {"actors", "actors/store", "actors/store/embedded", "actors/store/postgres", "cluster", "transports", "transports/..."},
	"cmd/reddot":                {"cmd/internal/app", "cmd/internal/config", "cmd/internal/client", "cmd/internal/load", "cmd/internal/load/floor", "cmd/internal/load/hostile"},
}

// testLayers is what tests may import besides: doubles that tests share. Others
// import one only where it is named, so that no program holds it by mistake.
var testLayers = []string{"actors/actorstest", "actors/actorstest/people", "actors/store/memory", "actors/store/pgserver", "actors/store/storetest", "transports/transportstest", "cmd/internal/chaos/screen"}

// houseLayers: children import parents, never siblings, so that each room can
// be understood, and replaced, with what stands above it alone.
func houseLayers(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		allowed := allowedImports(f.pkg())
		for _, imp := range f.ast.Imports {
			to, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), "reddot/")
			if !ours || to == f.pkg() || strings.HasPrefix(f.pkg(), to+"/") {
				continue
			}
			if f.test && (slices.Contains(testLayers, to) || strings.HasPrefix(to, f.pkg()+"/")) {
				continue // doubles, and a room's own children
			}
			if !slices.ContainsFunc(allowed, func(a string) bool {
				tree, wild := strings.CutSuffix(a, "/...")
				return a == to || wild && strings.HasPrefix(to, tree+"/") && !slices.Contains(testLayers, to)
			}) {
				t.Errorf("%s: %s may not import %s; it may import its parents, and %v", f.at(imp), f.pkg(), to, allowed)
			}
		}
	}
}

func allowedImports(pkg string) []string {
	for p := pkg; p != "."; p = path.Dir(p) {
		if a, ok := layers[p]; ok {
			return a
		}
	}
	return nil
}

// houseDocs: each package tells in doc.go what it is, which rules a change
// must keep and where to start reading.
func houseDocs(t *testing.T, files []*sourceFile) {
	documented := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		pkg := f.pkg()
		if path.Base(f.path) == "doc.go" {
			doc := f.ast.Doc.Text()
			want := "Package " + f.ast.Name.Name + " "
			if f.ast.Name.Name == "main" {
				want = "Command " + path.Base(pkg) + " "
			}
			if !strings.HasPrefix(doc, want) {
				t.Errorf("%s: the package doc begins with %.30q, want %q", f.path, doc, want)
			}
			documented[pkg] = true
		} else if f.ast.Doc != nil && !f.generated {
			t.Errorf("%s: the package doc stands in doc.go alone", f.path)
		}
		if _, ok := documented[pkg]; !ok {
			documented[pkg] = false
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s has no doc.go", pkg)
		}
	}
}

// houseNames: a package is named for what it holds.
func houseNames(t *testing.T, files []*sourceFile) {
	drawers := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "base", "misc", "shared", "pkg"}
	for _, f := range files {
		if slices.Contains(drawers, path.Base(f.pkg())) {
			t.Errorf("%s: %q says nothing about what is in it", f.path, path.Base(f.pkg()))
		}
	}
}

// houseLength: a file past 500 lines holds more than one noun.
func houseLength(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		if !f.generated && !f.test && f.lines > 500 {
			t.Errorf("%s has %d lines; split it at a noun (500 at most)", f.path, f.lines)
		}
	}
}

// packageLines is how many lines a package may have, without tests and what is
// generated: a room is read as a whole.
const packageLines = 5000

// housePackages: a package past its lines holds more than one room.
func housePackages(t *testing.T, files []*sourceFile) {
	lines := map[string]int{}
	for _, f := range files {
		if !f.generated && !f.test {
			lines[f.pkg()] += f.lines
		}
	}
	for pkg, n := range lines {
		if n > packageLines {
			t.Errorf("%s has %d lines; cut it where there are two rooms (%d at most)", pkg, n, packageLines)
		}
	}
}

// pure are the rooms, and the files, that decide.
var pure = []string{"actors/audience/", "actors/inbox/", "actors/keywords/", "actors/rule/", "actors/schedule/", "actors/session/", "actors/send/state.go", "actors/send/steps.go", "actors/retained/state.go", "cluster/rendezvous.go", "cluster/membership/choose.go", "cluster/membership/linkstates.go"}

// reading are the files in such rooms that read a journal which they are given.
var reading = []string{"actors/inbox/load.go", "actors/inbox/page.go", "actors/inbox/asof.go", "actors/inbox/content.go"}

// impure is what a pure file may not import; time and its arithmetic it may.
var impure = []string{
	"context", "crypto/rand", "io", "io/fs", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os", "sync", "sync/atomic",
	"github.com/google/uuid",
}

// housePure: what decides is pure, so that replaying the journal gives the
// same state: no clock, no I/O, no random.
func housePure(t *testing.T, files []*sourceFile) {
	found := map[string]bool{}
	for _, f := range files {
		i := slices.IndexFunc(pure, func(p string) bool { return strings.HasPrefix(f.path, p) })
		if f.test || i < 0 {
			continue
		}
		found[pure[i]] = true
		if slices.Contains(reading, f.path) {
			found[f.path] = true
			continue
		}
		for _, imp := range f.ast.Imports {
			if p, err := strconv.Unquote(imp.Path.Value); err == nil && slices.Contains(impure, p) {
				t.Errorf("%s: a pure file imports %s; pass in what you need as an argument", f.at(imp), p)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}, n.Sel.Name) {
					t.Errorf("%s: a pure file looks at the clock (time.%s); take now as an argument", f.at(n), n.Sel.Name)
				}
			case *ast.CallExpr:
				if x, ok := n.Fun.(*ast.Ident); ok && x.Name == "NewID" {
					t.Errorf("%s: a pure file makes an id; take it as an argument", f.at(n))
				}
			case *ast.GoStmt:
				t.Errorf("%s: a pure file starts a goroutine", f.at(n))
			}
			return true
		})
	}
	for _, p := range slices.Concat(pure, reading) {
		if !found[p] {
			t.Errorf("there is no %s; does this rule still look at the right files?", p)
		}
	}
}

// listens are the files of the server, and the tools, that may open a port.
var listens = map[string]string{
	"cmd/internal/app/listener.go": "all listeners of a server; each accepts again after an error",
	"cluster/config.go":            "the default of Config.Listen, for a node without a server",
	"cmd/internal/chaos/":          "a tool, which may end",
	"cmd/internal/load/":           "a tool, which may end",
	"actors/store/pgserver/":       "a tool, which may end",
}

// houseListeners: a failed Accept ends no server, since all its listeners are
// made in one place.
func houseListeners(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		if f.test || allowedAt(listens, f.path) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "net" && slices.Contains([]string{"Listen", "ListenConfig", "ListenTCP", "ListenUnix"}, s.Sel.Name) {
					t.Errorf("%s: net.%s; let App.listenTCP open the port, so that a failed Accept does not end the server", f.at(s), s.Sel.Name)
				}
			}
			return true
		})
	}
}

// allowedAt tells whether a list of files and folders, each with its reason,
// names the file.
func allowedAt(list map[string]string, file string) bool {
	for at := range list {
		if at == file || strings.HasSuffix(at, "/") && strings.HasPrefix(file, at) {
			return true
		}
	}
	return false
}

// houseNoHidden: nothing runs before main, and only main ends the process.
func houseNoHidden(t *testing.T, files []*sourceFile) {
	for _, f := range files {
		if f.generated {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() runs before main and in an order that nobody sees; construct by New", f.at(fn))
			}
		}
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "os" && s.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(s.Sel.Name, "Fatal")) {
					t.Errorf("%s: %s.%s in a library; return an error", f.at(s), x.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// houseFinished: what is not done is not in the code.
func houseFinished(t *testing.T, files []*sourceFile) {
	marks := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	for _, f := range files {
		for _, g := range f.ast.Comments {
			if m := marks.FindString(g.Text()); m != "" && !f.generated {
				t.Errorf("%s: a comment says %s", f.at(g), m)
			}
		}
	}
}

// houseTop: a newcomer finds the way from few doors.
func houseTop(t *testing.T) {
	doors := []string{"actors", "transports", "cluster", "cmd", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", ".ci", ".gitignore"}
	unseen := []string{".git", "bin", "data"} // not committed
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(doors, e.Name()) && !slices.Contains(unseen, e.Name()) {
			t.Errorf("%s stands at the top level; the doors there are %v", e.Name(), doors)
		}
	}
}
