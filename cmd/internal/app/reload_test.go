package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// writePublicKey writes a new key's public half into a file, and returns a token
// by the private one.
func writePublicKey(t *testing.T, file string) (token string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err = jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"sub": "alice", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}).SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Another key in the same file is taken over: what came by the key before it is
// ended and refused.
func TestReloadPublicKeyFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	cfg.Token.PublicKeyFile = filepath.Join(t.TempDir(), "public.pem")
	old := writePublicKey(t, cfg.Token.PublicKeyFile)
	a, book := start(t, cfg)
	s := stream(t, a, "alice", old)
	next(t, s, "counts")

	renewed := writePublicKey(t, cfg.Token.PublicKeyFile)
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	next(t, s, "") // the key of its token is gone
	counts := a.URL() + "/v1/users/alice/counts"
	for token, want := range map[string]int{old: http.StatusUnauthorized, renewed: http.StatusOK} {
		if status, body := call(t, "GET", counts, token, ""); status != want {
			t.Errorf("got %d %s, want %d", status, body, want)
		}
	}
	if want := "files_read_again=" + cfg.Token.PublicKeyFile; !strings.Contains(book.String(), want) {
		t.Errorf("the log does not say %q:\n%s", want, book)
	}

	if err := os.WriteFile(cfg.Token.PublicKeyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(cfg); err == nil || !strings.Contains(err.Error(), cfg.Token.PublicKeyFile) {
		t.Errorf("with a file that has no key: %v", err)
	}
	if status, body := call(t, "GET", counts, renewed, ""); status != http.StatusOK {
		t.Errorf("after a reload that failed: got %d %s", status, body)
	}
}
