package chaos

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// trusting takes any certificate: that of the run is nobody's.
var trusting = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // G402: as it says

func (w *world) certificate() (cert, key string) {
	return filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "key.pem")
}

// writeCertificate makes the servers' certificate, and its key.
func (w *world) writeCertificate() error {
	if !w.cfg.TLS {
		return nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	// A server whose clock has stepped takes it, too.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	cert, key := w.certificate()
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// edge returns the settings of where clients and devices reach a server.
func (w *world) edge(i int) []string {
	mqtt := fmt.Sprintf("%s:%d", nodeIP(i), mqttPort)
	if !w.cfg.TLS {
		return []string{"mqtt.listen=" + mqtt}
	}
	cert, key := w.certificate()
	return []string{"mqtt.listen_tls=" + mqtt, "tls.cert=" + cert, "tls.key=" + key}
}

// dialMQTT connects to a server as a device does.
func (w *world) dialMQTT(server int) (net.Conn, error) {
	d := &net.Dialer{Timeout: time.Second}
	addr := net.JoinHostPort(nodeIP(server), strconv.Itoa(mqttPort))
	if !w.cfg.TLS {
		return d.Dial("tcp", addr)
	}
	c, err := tls.DialWithDialer(d, "tcp", addr, trusting)
	if err != nil {
		return nil, err
	}
	return c, nil
}
