package main

import (
	"fmt"
	"os"
	"strings"

	"reddot/cmd/internal/config"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings are the flags by which a command reads the server's configuration.
type settings struct {
	file  string
	set   []string
	flags *pflag.FlagSet
	paths map[string]string // from a flag's name to the setting's path
}

// newSettings gives the command the flags that name where settings come from.
func newSettings(c *cobra.Command) *settings {
	s := &settings{flags: c.Flags(), paths: map[string]string{}}
	c.Flags().StringVarP(&s.file, "config", "c", os.Getenv("REDDOT_CONFIG"), "configuration `file` (REDDOT_CONFIG)")
	c.Flags().StringArrayVar(&s.set, "set", nil, "any `setting=value`, as --set inbox.messages=500; may come again")
	return s
}

// text adds the flag of a setting under another name or, if that is empty, its
// own.
func (s *settings) text(path, name, def, usage string) {
	if name == "" {
		name = strings.NewReplacer(".", "-", "_", "-").Replace(path)
	}
	s.paths[name] = path
	s.flags.String(name, def, usage)
}

// store adds the flags that name the store.
func (s *settings) store() {
	s.text("data", "", config.Default().Data, "`directory` for all that must survive")
	s.text("store.url", "store", "", "`URL` of a PostgreSQL database in place of the embedded store, as postgres://user@host/name; with a password rather as REDDOT_STORE_URL")
}

// addStoreSettings gives the command the flags that say where the data is; the
// other settings can be had by --set.
func addStoreSettings(c *cobra.Command) *settings {
	s := newSettings(c)
	s.store()
	return s
}

// addSettings gives the command the flags of the most usual settings; the
// others can be had by --set.
func addSettings(c *cobra.Command) *settings {
	s := newSettings(c)
	def := config.Default()
	s.paths["dev"] = "dev"
	c.Flags().Bool("dev", false, "for development: no tokens, no rate limits, the seed's URLs, loopback only")
	s.paths["seed-urls"] = "seed_urls"
	c.Flags().Bool("seed-urls", false, "serve the seed project's URLs too")
	s.text("http", "", def.HTTP, "`address` to listen on; port 0 takes a free one")
	s.text("mqtt.listen", "mqtt", "", "`address` to listen on for MQTT, as 127.0.0.1:1883; none without it")
	s.store()
	s.text("cluster.join", "join", "", "`addresses` of the gossip of servers to form a cluster with, host:port, with commas")
	s.text("cluster.bind", "", "", "`address` of this server's gossip; set it to start a cluster")
	s.text("tls.cert", "", "", "`file` with a certificate, PEM")
	s.text("tls.key", "", "", "`file` with its private key, PEM")
	s.text("origins", "", "", "web `origins` whose pages may use the API, with commas")
	s.text("log.level", "", def.Log.Level, "debug, info, warn or error")
	s.text("log.format", "", def.Log.Format, "text or json")
	s.text("pprof", "", "", "loopback `address` for Go's profiles")
	return s
}

// sources returns where the configuration comes from, as of this command line.
func (s *settings) sources() (config.Sources, error) {
	src := config.Sources{File: s.file, Env: os.Environ()}
	for _, text := range s.set {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return src, usageError{error: fmt.Errorf("--set %s: write setting=value", text)}
		}
		src.Flags = append(src.Flags, config.Flag{Path: path, Text: value})
	}
	s.flags.Visit(func(f *pflag.Flag) {
		if path, ok := s.paths[f.Name]; ok {
			src.Flags = append(src.Flags, config.Flag{Path: path, Text: f.Value.String()})
		}
	})
	return src, nil
}

// load reads and checks the configuration.
func (s *settings) load() (config.Config, error) {
	src, err := s.sources()
	if err != nil {
		return config.Config{}, err
	}
	cfg, err := config.Load(src)
	if err != nil {
		return cfg, usageError{error: fmt.Errorf("the configuration is wrong:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))}
	}
	return cfg, nil
}
