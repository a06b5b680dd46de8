package app

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/transports/mqtt/packet"
)

// metricsFile lists all metrics for operators.
const metricsFile = "metrics.md"

const metricsHead = `# Metrics

What ` + "`GET /metrics`" + ` tells, beside the figures of Go (go_…) and of the process (process_…). A test holds
this list and a running server equal; ` + "`make metrics`" + ` writes it anew. *Store* says with which one a
metric is there: the embedded one, or a database.

| metric | type | labels | store | what it tells |
|---|---|---|---|---|
`

// A metric is what a server registers under one name.
type metric struct{ name, kind, labels, help string }

// descriptor is how a prometheus.Desc prints.
var descriptor = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: ("(?:[^"\\]|\\.)*"),(?: unit: "[^"]*",)? constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// metricsOf returns what a server has registered, also what has no value yet.
func metricsOf(t *testing.T, a *App) map[string]metric {
	t.Helper()
	registries := []*prometheus.Registry{a.registry, a.front.Load().metrics}
	all, kinds := map[string]metric{}, map[string]string{}
	for _, r := range registries {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			kinds[f.GetName()] = strings.ToLower(f.GetType().String())
		}
	}
	for _, r := range registries {
		descs := make(chan *prometheus.Desc, 1000)
		r.Describe(descs)
		close(descs)
		for d := range descs {
			m := descriptor.FindStringSubmatch(d.String())
			if m == nil {
				t.Fatalf("%s is not understood", d)
			}
			name, help := m[1], strings.Trim(m[2], `"`)
			if !strings.HasPrefix(name, "reddot_") {
				continue
			}
			kind := kinds[name]
			if kind == "" && strings.HasSuffix(name, "_total") {
				kind = "counter" // with labels of which none was seen
			}
			if !strings.HasSuffix(help, ".") {
				t.Errorf("%s has the help %q, want a sentence", name, help)
			}
			all[name] = metric{name, kind, labelsOf(m[3], m[4]), strings.ReplaceAll(help, `\"`, `"`)}
		}
	}
	return all
}

// labelsOf returns the names of a metric's labels, of which the constant ones are
// printed with their values.
func labelsOf(constant, variable string) string {
	var names []string
	for _, l := range strings.Split(constant+","+variable, ",") {
		if name, _, _ := strings.Cut(l, "="); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// TestMetricsAreListed holds that metrics.md has each metric of a server, and no
// other. With REDDOT_METRICS=write (make metrics) it writes the file anew.
func TestMetricsAreListed(t *testing.T) {
	embedded := testConfig(t)
	embedded.MQTT.Listen = "127.0.0.1:0"
	alone, _ := start(t, embedded)
	if got := openSession(t, alone, packet.V5, 0, 3600, "jobs"); got != "" { // so that there are figures of sessions
		t.Fatal(got)
	}
	onDB, _ := onDatabase(t)
	other, _ := start(t, onDB)
	here, there := metricsOf(t, alone), metricsOf(t, other)
	all := maps.Clone(there)
	maps.Copy(all, here)
	var b strings.Builder
	b.WriteString(metricsHead)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, where := all[name], ""
		if m.kind == "" {
			t.Errorf("%s: let this test see a value of it, which tells its type", name)
		}
		if _, ok := there[name]; !ok {
			where = "embedded"
		}
		if _, ok := here[name]; !ok {
			where = "database"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.name, m.kind, m.labels, where, m.help)
	}
	if os.Getenv("REDDOT_METRICS") == "write" {
		if err := os.WriteFile(metricsFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(metricsFile)
	if err != nil {
		t.Fatal(err)
	}
	listed, running := strings.Split(string(text), "\n"), strings.Split(b.String(), "\n")
	for _, line := range running {
		if !slices.Contains(listed, line) {
			t.Errorf("%s lacks a line; run make metrics:\n%s", metricsFile, line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(running, line) {
			t.Errorf("%s has a line of what no server has:\n%s", metricsFile, line)
		}
	}
}
