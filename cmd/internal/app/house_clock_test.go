package app

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The wall clock steps: NTP corrects it, a suspended machine wakes. So how long
// something takes is measured by time.Now, time.Since and timers, which are
// monotonic, and only what a person, a token or the store means by a time is
// judged by the wall clock. The files that do stand here, each with its reason.
var wallClocks = map[string]string{
	"actors/catalog/catalog.go":           "the time of a version, for people, and for how long it is kept",
	"actors/catalog/history.go":           "likewise",
	"actors/reviewed/reviewed.go":         "when a version was written and reviewed, for people",
	"actors/quota/table.go":               "windows are stored times, the same on all nodes",
	"actors/quota/list.go":                "likewise",
	"actors/campaign/campaign.go":         "rounds and wake-ups are stored times",
	"actors/campaign/walk.go":             "a round's pages begin by the clock that its wake-ups go by; pauses are Home.Delay's",
	"transports/api/campaigns/start.go":   "a schedule is wall time",
	"actors/screening/change.go":          "when a list was changed, for people, and for how long the key of a change is kept",
	"actors/screening/reload.go":          "for how long a deleted list's keys are kept",
	"actors/gap.go":                       "the time of a write",
	"actors/home.go":                      "the moment of a decision: expiry, send_at, snooze and the ages of messages and keys are stored times",
	"actors/retained/retainer.go":         "a retained message expires at a stored time",
	"actors/user/here.go":                 "since when a user is online is a stored time, and so is the rev that rises over restarts",
	"actors/user/presence.go":             "when a user was last connected is a stored time",
	"actors/user/sweep.go":                "what is to leave the disk is due at a stored time",
	"actors/broadcast/writer.go":          "wake-ups, and when a broadcast is due or expires, are stored times",
	"actors/broadcast/query.go":           "the time of an edit",
	"actors/broadcast/logs.go":            "entries are forgotten after stored times",
	"actors/send/send.go":                 "wake-ups and ages of sends are stored times; the pause between rounds is Home.Delay's",
	"actors/topic/publish.go":             "the time of a message, and its expiry",
	"actors/topic/traced.go":              "when a thing happened, for people",
	"actors/user/traced.go":               "when a thing happened, for people",
	"cmd/internal/app/traces.go":          "the expiry of a token",
	"actors/user/turn.go":                 "the moment of a decision; due is a stored time",
	"cluster/membership/announce.go":      "tells the other nodes what the wall clock shows, to be compared",
	"cluster/membership/clock.go":         "compares the nodes' wall clocks",
	"cluster/handshake.go":                "tells the other node what the wall clock shows, to be compared",
	"cluster/node.go":                     "the store's timers are due at stored times",
	"cmd/internal/app/clock.go":           "the server's wall clock, and the watch for its steps",
	"transports/api/batch.go":             "times in requests",
	"transports/api/bulk/jobs.go":         "when a job was changed, for people",
	"transports/api/content/preview.go":   "the time of a message",
	"transports/api/edit.go":              "times in requests",
	"transports/api/events.go":            "times in requests",
	"transports/api/inbox.go":             "tokens issued up to a time are refused",
	"transports/api/keys.go":              "times in requests, and the expiry of keys",
	"transports/api/publish.go":           "times in requests",
	"transports/api/policies/rehearse.go": "the last days of a journal are stored times",
	"transports/api/resources.go":         "times in requests",
	"transports/api/preview.go":           "the time that an expression calls now",
	"transports/api/legacy.go":            "the time of a message",
	"transports/api/topics.go":            "the time of a message",
	"transports/audit.go":                 "the time of an entry, and for how long it is kept",
	"transports/auth/claims.go":           "the longest life of a token that does not say when it was issued",
	"transports/gate.go":                  "not the wall clock: the one that measures rates, which tests replace",
	"transports/doubt.go":                 "not the wall clock: the gate's",
	"transports/auth/keys.go":             "when a key was made and revoked, for people",
	"transports/auth/keyuse.go":           "when a key was used, for people",
	"transports/mqtt/connect.go":          "the expiry of a will's message",
	"transports/mqtt/inbound.go":          "the time of a message, and its expiry",
	"transports/mqtt/outbound.go":         "the expiry of a message",
	"transports/mqtt/server.go":           "hands on the wall clock that it is given",
	"transports/streams/deps.go":          "hands on the wall clock that it is given",
	"transports/streams/socket.go":        "since when a connection is there, for people, and the expiry of its token",
	"transports/streams/streams.go":       "since when a connection is there, for people, and the expiry of its token",
	"transports/streams/subscriber.go":    "the time of a message",
	"transports/auth/tokens.go":           "exp, nbf and iat",
	"transports/streams/wheel.go":         "not the wall clock: ticks since the wheel began",
}

// machineClocks are the files that read the machine's wall clock by time.Now,
// and not the one that the server is given.
var machineClocks = map[string]string{
	"actors/store/embedded/backup.go": "when a backup was made, for people",
	"actors/store/embedded/dir.go":    "for whoever finds the lock file",
	"cluster/config.go":               "the default of a node without a server",
	"cmd/internal/app/clock.go":       "the server's wall clock",
	"cmd/reddot/tail.go":              "shows the time of day",
	"transports/api/api.go":           "the default of an API without a server",
	"transports/audit.go":             "the default of a command that makes a key",
	"transports/gate.go":              "not the wall clock: the default of the one that measures rates",
	"transports/auth/keys.go":         "the default of a command that makes a key",
	"transports/auth/logins.go":       "not the wall clock: the default of the one by which bad passwords are remembered",
	"transports/mqtt/server.go":       "the default of a broker without a server",
	"transports/problem.go":           "the field Date, which fasthttp writes so in all other answers",
	"transports/request.go":           "the field Date, and the default of transports without a server",
	"transports/streams/streams.go":   "the default of transports without a server",
	"transports/auth/tokens.go":       "the default of a command that makes a token, and of the pause between fetches",
}

// notServed are programs and doubles beside the server.
var notServed = []string{"actors/actorstest/", "actors/store/memory/", "actors/store/pgserver/", "actors/store/storetest/", "cmd/chaos/", "cmd/internal/load/", "cmd/internal/chaos/", "cmd/internal/client/"}

// ofTheDay are the methods of a time.Time that leave its monotonic reading out.
var ofTheDay = []string{
	"Unix", "UnixMilli", "UnixMicro", "UnixNano", "UTC", "Local", "In", "Round", "Truncate", "Format", "AppendFormat",
	"Date", "Clock", "Year", "Month", "Day", "Hour", "Minute", "Second", "Nanosecond", "Weekday", "YearDay", "String", "MarshalJSON", "MarshalText",
}

// houseClocks: nothing measures a duration by the wall clock, and all that
// judges by the wall clock asks the one that tests can set.
func houseClocks(t *testing.T, files []*sourceFile) {
	used, read := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		if f.test || f.generated || slices.ContainsFunc(notServed, func(p string) bool { return strings.HasPrefix(f.path, p) }) {
			continue
		}
		for _, n := range wallCalls(f.ast) {
			used[f.path] = true
			if wallClocks[f.path] == "" {
				t.Errorf("%s: asks a wall clock; measure durations by time.Now and time.Since, or say in wallClocks why wall time is meant", f.at(n))
			}
		}
		for _, n := range machineReads(f.ast) {
			read[f.path] = true
			if machineClocks[f.path] == "" {
				t.Errorf("%s: takes the time of day from time.Now; take it from the clock that the server hands on, so that tests can step it", f.at(n))
			}
		}
	}
	for list, found := range map[*map[string]string]map[string]bool{&wallClocks: used, &machineClocks: read} {
		for file := range *list {
			if !found[file] {
				t.Errorf("%s stands in a list of files that ask for wall time, and does not", file)
			}
		}
	}
}

// wallCalls returns the calls of clocks that are handed on: x.Now(), x.now() and
// the like, but for time.Now().
func wallCalls(file *ast.File) (found []ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) > 0 {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && !isIdent(s.X, "time") && slices.Contains([]string{"Now", "now", "nowMilli", "Clock"}, s.Sel.Name) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// machineReads returns where time.Now is taken as a time of day: a method that
// leaves the monotonic reading out is called on what it returns, at once or by
// a variable; it becomes a header's date; or it is handed on uncalled.
func machineReads(file *ast.File) (found []ast.Node) {
	called := map[ast.Node]bool{}
	for _, d := range file.Decls {
		from := map[string]bool{} // the function's variables that are set to time.Now()
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, r := range n.Rhs {
					if len(n.Rhs) == len(n.Lhs) && isNow(r) {
						if v, ok := n.Lhs[i].(*ast.Ident); ok {
							from[v.Name] = true
						}
					}
				}
			case *ast.CallExpr:
				called[n.Fun] = true
				s, ok := n.Fun.(*ast.SelectorExpr)
				if !ok {
					break
				}
				v, isVar := s.X.(*ast.Ident)
				if slices.Contains(ofTheDay, s.Sel.Name) && (isNow(s.X) || isVar && from[v.Name]) ||
					strings.HasSuffix(s.Sel.Name, "HTTPDate") && slices.ContainsFunc(n.Args, isNow) {
					found = append(found, n)
				}
			case *ast.SelectorExpr:
				if isIdent(n.X, "time") && n.Sel.Name == "Now" && !called[n] {
					found = append(found, n)
				}
			}
			return true
		})
	}
	return found
}

func isNow(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && isIdent(s.X, "time") && s.Sel.Name == "Now"
}

func isIdent(e ast.Expr, name string) bool {
	x, ok := e.(*ast.Ident)
	return ok && x.Name == name
}
