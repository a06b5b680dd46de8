package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"reddot/transports"
	"reddot/transports/auth"
)

const secret = "0123456789abcdef0123456789abcdef"

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "reddot.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestReferenceIsComplete(t *testing.T) {
	got := Default()
	got.HTTP = "" // so that the file sets something
	if err := decodeYAML("reference.yaml", []byte(Reference), &got); err != nil {
		t.Fatal(err)
	}
	got.Origins, got.TrustedProxies, got.Apps, got.Cluster.Join = nil, nil, nil, nil // empty lists
	got.MQTT.AnonymousTopics, got.MQTT.RefusedFilters, got.MQTT.Logins.Topics = nil, nil, nil
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("reference.yaml has other values than the defaults:\ngot  %+v\nwant %+v", got, want)
	}
	cfg := Default()
	for _, s := range leaves(reflect.ValueOf(&cfg).Elem()) {
		if referenceOrder()[s.path] == 0 {
			t.Errorf("reference.yaml does not have %s", s.path)
		}
		if text, ok := s.tags.Lookup("min"); ok {
			if err := s.set(text); err != nil {
				t.Errorf("the least of %s: %v", s.path, err)
			}
		}
	}
}

// TestEachSettingIsOne: no two parts have a setting of one path, and each is of a kind
// that can be read and printed.
func TestEachSettingIsOne(t *testing.T) {
	cfg := Default()
	seen := map[string]bool{}
	for _, s := range leaves(reflect.ValueOf(&cfg).Elem()) {
		if seen[s.path] {
			t.Errorf("%s is in two structs", s.path)
		}
		seen[s.path] = true
		if s.value.Kind() == reflect.Slice {
			continue
		}
		before := s.text()
		if err := s.set(before); err != nil || s.text() != before {
			t.Errorf("%s: %q does not read back: %q, %v", s.path, before, s.text(), err)
		}
		if s.inBytes() && s.value.Kind() != reflect.Int && s.value.Kind() != reflect.Int64 {
			t.Errorf("%s has bytes, and is a %s", s.path, s.value.Kind())
		}
	}
}

func TestSourcesByWeight(t *testing.T) {
	file := writeConfig(t, "http: 127.0.0.1:1\ndata: file\nlog: {level: warn}\n")
	cfg, err := Load(Sources{
		File:  file,
		Env:   []string{"REDDOT_DATA=env", "REDDOT_LOG_LEVEL=error", "REDDOT_ORIGINS=https://a.example, https://b.example", "HOME=/", "REDDOT_SERVICE_HOST=10.0.0.1"},
		Flags: []Flag{{"log.level", "debug"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HTTP != "127.0.0.1:1" || cfg.Data != "env" || cfg.Log.Level != "debug" || len(cfg.Origins) != 2 {
		t.Errorf("got %+v", cfg)
	}
}

func TestMistakesAreTold(t *testing.T) {
	for name, tt := range map[string]struct {
		file  string
		env   []string
		flags []Flag
		want  []string
	}{
		"unknown key":         {file: "http: :1\ndtaa: x\n", want: []string{`reddot.yaml:2: there is no setting "dtaa"; did you mean data?`}},
		"unknown key within":  {file: "log:\n  lvel: x\n", want: []string{`reddot.yaml:2: there is no setting "log.lvel"; did you mean level?`}},
		"all at once":         {file: "a1: 1\nb2: 2\n", want: []string{`"a1"`, `"b2"`}},
		"twice":               {file: "data: a\ndata: b\n", want: []string{"already"}},
		"kind":                {file: "dev: perhaps\n", want: []string{`reddot.yaml:1: dev: "perhaps" is neither true nor false`}},
		"section as value":    {file: "log: debug\n", want: []string{"log holds settings of its own"}},
		"value as section":    {file: "data: {a: b}\n", want: []string{"data takes one value"}},
		"duration":            {file: "stop: {drain: 5}\n", want: []string{`reddot.yaml:1: stop.drain: "5" is no duration`}},
		"size":                {file: "limits: {body: 1mib}\n", want: []string{`"1mib" is no size`}},
		"no yaml":             {file: "a: [", want: []string{"reddot.yaml: yaml: line 1"}},
		"list":                {file: "apps: x\n", want: []string{"apps is a list"}},
		"environment":         {env: []string{"REDDOT_DAT=x"}, want: []string{"there is no setting REDDOT_DAT; did you mean REDDOT_DATA?"}},
		"value in env":        {env: []string{"REDDOT_DEV=x"}, want: []string{"REDDOT_DEV: "}},
		"flag":                {flags: []Flag{{"stop.drain", "x"}}, want: []string{"flag --stop-drain: "}},
		"cluster, embedded":   {flags: []Flag{{"cluster.join", "a.example:7778"}}, want: []string{"the embedded store in data belongs to one process", "store.url", "cluster.key: give all servers the same one"}},
		"cluster, key":        {flags: []Flag{{"cluster.bind", ":7778"}, {"cluster.key", "abc"}}, want: []string{"cluster.key: want 32 bytes"}},
		"cluster, seed":       {flags: []Flag{{"cluster.join", "a.example"}, {"cluster.advertise", ":1"}}, want: []string{`cluster.join: "a.example" is no address`, `cluster.advertise: ":1" is no address`}},
		"cluster, open":       {flags: []Flag{{"cluster.bind", "0.0.0.0:7778"}, {"dev", "true"}}, want: []string{"cluster.key: give all servers the same one"}},
		"dev for everybody":   {flags: []Flag{{"dev", "true"}, {"http", "0.0.0.0:80"}}, want: []string{"not a loopback address"}},
		"pprof for everybody": {flags: []Flag{{"pprof", ":6060"}}, want: []string{"pprof: :6060 is not a loopback address"}},
		"half of tls":         {flags: []Flag{{"tls.cert", "x"}}, want: []string{"tls: give both"}},
		"origin":              {flags: []Flag{{"origins", "*"}}, want: []string{"origins: "}},
		"level":               {flags: []Flag{{"log.level", "loud"}}, want: []string{`log.level: "loud" is none of`}},
		"short secret":        {flags: []Flag{{"token.secret", "short"}}, want: []string{"app default: the secret has 5 bytes"}},
		"two apps":            {file: "apps: [{name: a}, {name: a}]\n", want: []string{`apps[1].name: there are two apps "a"`}},
		"default twice":       {file: "token: {secret: " + secret + "}\napps: [{name: default}]\n", want: []string{"top level already"}},
		"app name":            {file: "apps: [{name: a/b}]\n", want: []string{"apps[0].name: "}},
		"stop":                {flags: []Flag{{"stop.timeout", "1s"}}, want: []string{"stop.timeout: 1s is not above"}},
		"zero":                {flags: []Flag{{"inbox.messages", "0"}}, want: []string{"inbox.messages: it is 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			src := Sources{Env: tt.env, Flags: tt.flags}
			if tt.file != "" {
				src.File = writeConfig(t, tt.file)
			}
			_, err := Load(src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestApps(t *testing.T) {
	cfg, err := Load(Sources{File: writeConfig(t, "apps:\n  - name: shop\n    token:\n      secret: "+secret+"\n  - name: keys-only\n")})
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Tokens().Apps
	if len(got) != 1 || got["shop"].Secret.Reveal() != secret {
		t.Errorf("got %v", got)
	}
}

func TestPrintedConfigurationReadsBack(t *testing.T) {
	cfg := Default()
	cfg.Token.Secret = transports.NewSecret(secret)
	cfg.Apps = []App{{Name: "shop", Token: auth.Verification{JWKS: "https://id.example/keys"}}}
	cfg.Origins = []string{"https://a.example"}
	cfg.Data = "true" // a text that YAML would take for something else
	text := cfg.YAML()
	if strings.Contains(text, secret) || !strings.Contains(text, "secret: '***'") && !strings.Contains(text, `secret: "***"`) {
		t.Errorf("the secret is not hidden:\n%s", text)
	}
	got := Default()
	if err := decodeYAML("printed", []byte(text), &got); err != nil {
		t.Fatal(err)
	}
	cfg.Token.Secret = transports.NewSecret("***")
	cfg.TrustedProxies, cfg.Cluster.Join, cfg.MQTT.AnonymousTopics, cfg.MQTT.RefusedFilters = []string{}, []string{}, []string{}, []string{}
	cfg.MQTT.Logins.Topics = []string{}
	if !reflect.DeepEqual(got, cfg) {
		t.Errorf("got %+v, want %+v", got, cfg)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "1m10s": 70 * time.Second, "0s": 0, "2m": 2 * time.Minute, "1h": time.Hour,
	} {
		d, err := ParseDuration(text)
		if err != nil || d != want || formatDuration(d) != text {
			t.Errorf("%s: got %v (%s), %v", text, d, formatDuration(d), err)
		}
	}
	for _, text := range []string{"", "5", "d", "-1d", "1d-5h", "65536d", "1dd", "1w"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v", text, d)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"512": 512, "64KiB": 64 << 10, "4MiB": 4 << 20, "2GiB": 2 << 30, "-1": -1} {
		s, err := parseSize(text)
		if err != nil || s != want || formatSize(s) != text {
			t.Errorf("%s: got %d (%s), %v", text, s, formatSize(s), err)
		}
	}
	for _, text := range []string{"", "x", "KiB", "-2", "-1KiB", "9999999999GiB", "1.5MiB"} {
		if s, err := parseSize(text); err == nil {
			t.Errorf("%q: got %v", text, s)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(Reference))
	f.Add([]byte("a: &x {b: 1}\nlog: *x\n"))
	f.Add([]byte("apps: [{name: a, token: {secret: b}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg := Default()
		if err := decodeYAML("fuzz", text, &cfg); err != nil {
			return
		}
		again := Default()
		if err := decodeYAML("again", []byte(cfg.YAML()), &again); err != nil {
			t.Fatalf("what was printed does not read back: %v\n%s", err, cfg.YAML())
		}
	})
}
