package transports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"reddot/transports/transportstest"
)

func TestSecretNeverShows(t *testing.T) {
	const text = "correct-horse-battery-staple"
	s := NewSecret(text)
	inside := struct {
		S      Secret
		hidden Secret
		P      *Secret
	}{s, s, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%c", "%U"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, &s)
		fmt.Fprintf(&out, verb, inside)
		fmt.Fprintf(&out, verb, []any{s, map[string]Secret{"k": s}})
	}
	fmt.Fprint(&out, s, fmt.Errorf("with %w", fmt.Errorf("%v", s)))
	out.Write(transportstest.Must(json.Marshal(inside)))
	out.Write(transportstest.Must(yaml.Marshal(struct{ S Secret }{s})))
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "s", s, "inside", inside)
	}
	if got := out.String(); strings.Contains(got, text) || strings.Contains(got, fmt.Sprintf("%x", text)) {
		t.Errorf("the secret shows in %s", got)
	}
	if s.Reveal() != text || s.IsZero() {
		t.Error("the secret is lost")
	}
}

func TestSecretFromYAML(t *testing.T) {
	var c struct{ Secret Secret }
	if err := yaml.Unmarshal([]byte("secret: abc"), &c); err != nil || c.Secret.Reveal() != "abc" {
		t.Errorf("got %q, %v", c.Secret.Reveal(), err)
	}
	if s := NewSecret(""); !s.IsZero() || s.Reveal() != "" {
		t.Error("an empty secret is none")
	}
}
