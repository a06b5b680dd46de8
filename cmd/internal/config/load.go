package config

import (
	"errors"
	"fmt"
	"os"
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
	return cfg, cfg.Check()
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
		if err := s.set(text); err != nil {
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
		if err := all[i].set(f.Text); err != nil {
			errs = append(errs, fmt.Errorf("flag --%s: %w", strings.NewReplacer(".", "-", "_", "-").Replace(f.Path), err))
		}
	}
	return errors.Join(errs...)
}
