package cluster

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// Links between nodes use mutual TLS. Without files of its own a cluster has
// an authority whose private key every node derives from the cluster's secret;
// each node signs itself a certificate when it starts. So one secret is all
// that has to be handed out, and whoever does not know it can't link.

// keyLen is the length of the cluster's secret.
const keyLen = 32

// peerName is the name in the certificates: nodes come and go at any address,
// and prove that they belong to the cluster, not where they are.
const peerName = "reddot-peer"

// certAge is how long a node's certificate holds: a node does not run longer
// without a restart.
const certAge = 10 * 365 * 24 * time.Hour

// derive returns a key for one purpose from the cluster's secret.
func derive(secret []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "reddot cluster "+purpose, keyLen)
}

// linkTLS returns the TLS settings of links, both for those that this node
// dials and for those that it takes; nil: plain text.
func (c *ClusterConfig) linkTLS() (*tls.Config, error) {
	switch {
	case c.TLS.Cert != "":
		return c.TLS.load()
	case len(c.Key) > 0:
		return derivedTLS(c.Key)
	}
	return nil, nil
}

// LinkTLS names the PEM files of links' certificates: this node's, its private
// key, and the authority that signs those of all nodes, each with the DNS name
// reddot-peer.
type LinkTLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	CA   string `yaml:"ca"`
}

func (t LinkTLS) load() (*tls.Config, error) {
	if t.Cert == "" || t.Key == "" || t.CA == "" {
		return nil, errors.New("tls: give cert, key and ca, or none of them")
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	text, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls: %s holds no certificate", t.CA)
	}
	return mutual(pair, pool), nil
}

func mutual(pair tls.Certificate, authorities *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ServerName: peerName,
		RootCAs: authorities, ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"h2"},
	}
}

// derivedTLS makes the authority of a secret, and a certificate by it.
func derivedTLS(secret []byte) (*tls.Config, error) {
	seed, err := derive(secret, "authority")
	if err != nil {
		return nil, err
	}
	authority := ed25519.NewKeyFromSeed(seed)
	// Every node makes the same one, byte by byte: Ed25519 signs without chance.
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "reddot cluster"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, authority.Public(), authority)
	if err != nil {
		return nil, fmt.Errorf("tls: make the cluster's authority: %w", err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("tls: make the cluster's authority: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	// It holds from ever on: the clocks of nodes differ, and step.
	own := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: peerName}, DNSNames: []string{peerName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(certAge), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if der, err = x509.CreateCertificate(rand.Reader, own, root, public, authority); err != nil {
		return nil, fmt.Errorf("tls: make a certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return mutual(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool), nil
}
