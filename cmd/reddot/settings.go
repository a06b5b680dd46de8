package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"reddot/cmd/internal/app"
)

// settings are the flags by which a command reads the server's configuration.
type settings struct {
	file  string
	set   []string
	flags *pflag.FlagSet
	paths map[string]string // from a flag's name to the setting's path
}

// addSettings gives the command the flags of the most usual settings; the
// others can be had by --set.
func addSettings(c *cobra.Command) *settings {
	s := &settings{flags: c.Flags(), paths: map[string]string{}}
	def := app.Default()
	c.Flags().StringVarP(&s.file, "config", "c", os.Getenv("REDDOT_CONFIG"), "configuration `file` (REDDOT_CONFIG)")
	c.Flags().StringArrayVar(&s.set, "set", nil, "any `setting=value`, as --set inbox.messages=500; may come again")
	text := func(path, def, usage string) {
		name := strings.NewReplacer(".", "-", "_", "-").Replace(path)
		s.paths[name] = path
		c.Flags().String(name, def, usage)
	}
	s.paths["dev"] = "dev"
	c.Flags().Bool("dev", false, "for development: no tokens, no rate limits, the seed's URLs, loopback only")
	s.paths["seed-urls"] = "seed_urls"
	c.Flags().Bool("seed-urls", false, "serve the seed project's URLs too")
	text("http", def.HTTP, "`address` to listen on; port 0 takes a free one")
	s.paths["mqtt"] = "mqtt.listen"
	c.Flags().String("mqtt", "", "`address` to listen on for MQTT, as 127.0.0.1:1883; none without it")
	text("data", def.Data, "`directory` for all that must survive")
	s.paths["store"] = "store.url"
	c.Flags().String("store", "", "`URL` of a PostgreSQL database in place of the embedded store, as postgres://user@host/name; with a password rather as REDDOT_STORE_URL")
	s.paths["join"] = "cluster.join"
	c.Flags().String("join", "", "`addresses` of the gossip of servers to form a cluster with, host:port, with commas")
	text("cluster.bind", "", "`address` of this server's gossip; set it to start a cluster")
	text("tls.cert", "", "`file` with a certificate, PEM")
	text("tls.key", "", "`file` with its private key, PEM")
	text("origins", "", "web `origins` whose pages may use the API, with commas")
	text("log.level", def.Log.Level, "debug, info, warn or error")
	text("log.format", def.Log.Format, "text or json")
	text("pprof", "", "loopback `address` for Go's profiles")
	return s
}

// sources returns where the configuration comes from, as of this command line.
func (s *settings) sources() (app.Sources, error) {
	src := app.Sources{File: s.file, Env: os.Environ()}
	for _, text := range s.set {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return src, usageError{error: fmt.Errorf("--set %s: write setting=value", text)}
		}
		src.Flags = append(src.Flags, app.Flag{Path: path, Text: value})
	}
	s.flags.Visit(func(f *pflag.Flag) {
		if path, ok := s.paths[f.Name]; ok {
			src.Flags = append(src.Flags, app.Flag{Path: path, Text: f.Value.String()})
		}
	})
	return src, nil
}

// load reads and checks the configuration.
func (s *settings) load() (app.Config, error) {
	src, err := s.sources()
	if err != nil {
		return app.Config{}, err
	}
	cfg, err := app.Load(src)
	if err != nil {
		return cfg, usageError{error: fmt.Errorf("the configuration is wrong:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))}
	}
	return cfg, nil
}
