package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/config"
	"reddot/cmd/internal/load/hostile"
)

// One address and one user at their worst cost the others nothing, and the server
// no more than a bound. (The command does it for five minutes, and holds the
// others' waiting to twice that of before.)
func TestHostileNeighbor(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testHostileNeighbor(t, false) })
	t.Run("TLS", func(t *testing.T) { testHostileNeighbor(t, true) })
}

func testHostileNeighbor(t *testing.T, secure bool) {
	cfg := config.Default()
	if secure {
		cfg.TLS.Cert, cfg.TLS.Key = writeCertificate(t)
	}
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg.HTTP, cfg.Data, cfg.Stop.Drain = "127.0.0.1:0", t.TempDir(), 0
	if err := cfg.Token.Secret.UnmarshalText([]byte(strings.Repeat("0123456789abcdef", 2))); err != nil {
		t.Fatal(err)
	}
	cfg.Inbox.Connections = 30
	quiet := slog.New(slog.DiscardHandler)
	_, key, err := app.CreateKey(t.Context(), cfg.Data, "", app.KeyOrder{Name: "back end", Scopes: []string{"publish"}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	a := app.New(cfg, quiet, new(slog.LevelVar))
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	var lines strings.Builder
	for i := range 72 { // four inboxes of a message, and one of 4 MiB
		user, body := "mallory", strings.Repeat("x", 60<<10)
		if i < 4 {
			user, body = fmt.Sprintf("user%d", i), "hello"
		}
		fmt.Fprintf(&lines, "{\"to\":{\"user\":%q},\"body\":%q}\n", user, body)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/v1/messages/batch", strings.NewReader(lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("publish: %s", res.Status)
	}
	token := func(user string) string {
		text, err := app.IssueToken(cfg, app.TokenOrder{User: user, TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	r, err := hostile.Run(t.Context(), hostile.Config{
		URL: a.URL(), Broker: "mqtt://" + a.MQTTAddr().String(), Insecure: secure, Attacker: token("mallory"), Others: []string{token("user0"), token("user1"), token("user2"), token("user3")},
		Duration: 8 * time.Second, PIDs: []int{os.Getpid()}, Slower: 1000,
	})
	if err != nil {
		t.Error(err)
	}
	for name, n := range r.Attacks {
		if n == 0 {
			t.Errorf("%s: none was made", name)
		}
	}
	if r.Under.Count == 0 || r.Grown == 0 {
		t.Errorf("nothing was measured: %+v", r)
	}
	t.Logf("%+v", r)
}

// writeCertificate writes a certificate and its key into files.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(nil) // it makes one
	defer s.Close()
	made := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: made.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
