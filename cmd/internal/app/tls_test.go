package app

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"
)

// writeCertificate makes a certificate for loopback and returns its pool.
func writeCertificate(t *testing.T, files config.TLS) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for file, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text)
	}
	return pool
}

// CertificateFiles makes a certificate for loopback, and returns the files with it
// and its key.
func CertificateFiles(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	files := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	writeCertificate(t, files)
	return files.Cert, files.Key
}

func trusting() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// secure gives the server a certificate, and MQTT with TLS if it has it without.
func secure(t *testing.T, cfg *config.Config) {
	t.Helper()
	cfg.TLS.Cert, cfg.TLS.Key = CertificateFiles(t)
	if cfg.MQTT.Listen != "" {
		cfg.MQTT.Listen, cfg.MQTT.ListenTLS = "", cfg.MQTT.Listen
	}
}

// plainAndTLS tells a story twice. The configuration may be changed, but for what
// secure sets.
func plainAndTLS(t *testing.T, story func(t *testing.T, cfg config.Config)) {
	t.Run("plain", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.MQTT.Listen = "127.0.0.1:0"
		story(t, cfg)
	})
	t.Run("tls", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.MQTT.Listen = "127.0.0.1:0"
		secure(t, &cfg)
		story(t, cfg)
	})
}

// mqttURL returns the URL of the server's MQTT.
func mqttURL(a *App) string {
	if addr := a.MQTTSecureAddr(); addr != nil {
		return "ssl://" + addr.String()
	}
	return "tcp://" + a.MQTTAddr().String()
}

func TestTLS(t *testing.T) {
	cfg := testConfig(t)
	dir := t.TempDir()
	cfg.TLS = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	pool := writeCertificate(t, cfg.TLS)
	a, _ := start(t, cfg)
	get := func(pool *x509.CertPool, path string) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
		t.Cleanup(transport.CloseIdleConnections)
		return (&http.Client{Transport: transport, Timeout: patience}).Get(a.URL() + path)
	}
	res, err := get(pool, "/v1/users/alice/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for s := bufio.NewScanner(res.Body); ; {
		if !s.Scan() {
			t.Fatal("no counts over TLS")
		}
		if strings.Contains(s.Text(), `"unread":0`) {
			break
		}
	}

	renewed := writeCertificate(t, cfg.TLS)
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	res, err = get(renewed, "/healthz")
	if err != nil {
		t.Fatalf("with the renewed certificate: %v", err)
	}
	res.Body.Close()
}
