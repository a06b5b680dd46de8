package app

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Sources are where a configuration comes from, in the order of growing
// weight.
type Sources struct {
	File  string   // a YAML file; empty: none
	Env   []string // as os.Environ; only what begins with REDDOT_ counts
	Flags []Flag
}

// A Flag is a setting given on the command line.
type Flag struct {
	Path string // as log.level
	Text string
}

// envPrefix begins the variables that are settings.
const envPrefix = "REDDOT_"

// otherEnv are the variables with our prefix that are no settings: those of
// the client commands, of the command line and of the tests.
var otherEnv = []string{"REDDOT_CONFIG", "REDDOT_URL", "REDDOT_KEY", "REDDOT_REQUIRE_ALL"}

// kubernetesEnv begin the variables that Kubernetes gives to each container
// beside a service of our name.
var kubernetesEnv = []string{"REDDOT_SERVICE_", "REDDOT_PORT"}

// Load reads the configuration and checks it. Its error names each mistake
// with its place.
func Load(src Sources) (Config, error) {
	cfg := Default()
	var errs []error
	if src.File != "" {
		text, err := os.ReadFile(src.File)
		if err != nil {
			return cfg, fmt.Errorf("read the configuration: %w", err)
		}
		errs = append(errs, decodeYAML(src.File, text, &cfg))
	}
	errs = append(errs, loadEnv(&cfg, src.Env), loadFlags(&cfg, src.Flags))
	if err := errors.Join(errs...); err != nil {
		return cfg, err
	}
	return cfg, cfg.check()
}

func loadEnv(cfg *Config, env []string) error {
	byName := map[string]setting{}
	var names []string
	for _, s := range settings(cfg) {
		name := envName(s.path)
		byName[name] = s
		names = append(names, name)
	}
	var errs []error
	for _, line := range env {
		name, text, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(otherEnv, name) ||
			slices.ContainsFunc(kubernetesEnv, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		s, ok := byName[name]
		if !ok {
			errs = append(errs, fmt.Errorf("environment: there is no setting %s%s", name, didYouMean(name, names)))
			continue
		}
		if err := setValue(s.value, text); err != nil {
			errs = append(errs, fmt.Errorf("environment: %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

func loadFlags(cfg *Config, flags []Flag) error {
	all := settings(cfg)
	var errs []error
	for _, f := range flags {
		i := slices.IndexFunc(all, func(s setting) bool { return s.path == f.Path })
		if i < 0 {
			errs = append(errs, fmt.Errorf("flag: there is no setting %s", f.Path))
			continue
		}
		if err := setValue(all[i].value, f.Text); err != nil {
			errs = append(errs, fmt.Errorf("flag --%s: %w", strings.NewReplacer(".", "-", "_", "-").Replace(f.Path), err))
		}
	}
	return errors.Join(errs...)
}

// A setting is one leaf of a Config.
type setting struct {
	path  string
	value reflect.Value
}

// settings returns the leaves of cfg that can be written in one line.
func settings(cfg *Config) []setting {
	var out []setting
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			path := prefix + v.Type().Field(i).Tag.Get("yaml")
			switch f := v.Field(i); {
			case isSection(f):
				walk(path+".", f)
			case f.Type() != reflect.TypeFor[[]AppConfig]():
				out = append(out, setting{path, f})
			}
		}
	}
	walk("", reflect.ValueOf(cfg).Elem())
	return out
}

// isSection tells whether the field holds further settings.
func isSection(v reflect.Value) bool {
	return v.Kind() == reflect.Struct && v.NumField() > 0 && v.Type().Field(0).Tag.Get("yaml") != ""
}

// didYouMean returns a hint at the name that is nearest to what was written,
// if one is near.
func didYouMean(got string, names []string) string {
	best, at := "", max(2, len(got)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(n)); d < at {
			best, at = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is Levenshtein's: how many bytes to change, add or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
