package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"reddot/transports"
)

// The algorithms of RFC 7518 section 3.1 and RFC 8037 that a token may be
// signed with. "none" and those with other hashes have no place in the list.
const (
	algHMAC    = "HS256"
	algRSA     = "RS256"
	algECDSA   = "ES256"
	algEd25519 = "EdDSA"
)

// The least strength of keys.
const (
	minSecret  = 32   // bytes, RFC 7518 section 3.2
	minRSABits = 2048 // RFC 7518 section 3.3
)

// Verification is how the user tokens of one app are verified. A secret may
// stand beside either of the others; it alone can also issue. A public key and
// a JWKS URL exclude each other.
type Verification struct {
	Secret        transports.Secret `yaml:"secret"`          // at least 32 bytes, for HS256; none: no HS256
	PublicKey     string            `yaml:"public_key"`      // PEM: RSA of 2048 bits or more, ECDSA P-256, or Ed25519; empty: none
	PublicKeyFile string            `yaml:"public_key_file"` // the same in a file; empty: none
	JWKS          string            `yaml:"jwks_url"`        // an https URL, or http on loopback; empty: none
	Issuer        string            `yaml:"issuer"`          // what iss must be; empty: any
	Audience      string            `yaml:"audience"`        // what aud must contain; empty: any
}

// IsSet tells whether any token can be verified.
func (v Verification) IsSet() bool {
	return !v.Secret.IsZero() || v.PublicKey != "" || v.PublicKeyFile != "" || v.JWKS != ""
}

// A verifier verifies the tokens of one app.
type verifier struct {
	app      string
	algs     []string // what its keys are good for
	secret   []byte
	public   crypto.PublicKey
	jwks     *jwks
	parser   *jwt.Parser
	issuer   string
	audience string
}

func newVerifier(app string, v Verification, cfg TokensConfig, log *slog.Logger) (*verifier, error) {
	out := &verifier{app: app, issuer: v.Issuer, audience: v.Audience}
	if err := out.takeKeys(v, cfg, log); err != nil {
		return nil, fmt.Errorf("app %s: %w", app, err)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(out.algs), jwt.WithStrictDecoding(), jwt.WithLeeway(cfg.Leeway),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(cfg.Now),
	}
	if v.Issuer != "" {
		options = append(options, jwt.WithIssuer(v.Issuer))
	}
	if v.Audience != "" {
		options = append(options, jwt.WithAudience(v.Audience))
	}
	out.parser = jwt.NewParser(options...)
	return out, nil
}

func (v *verifier) takeKeys(c Verification, cfg TokensConfig, log *slog.Logger) error {
	sources := 0
	for _, s := range []string{c.PublicKey, c.PublicKeyFile, c.JWKS} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources > 1:
		return errors.New("give one of a public key, a public key's file and a JWKS URL")
	case sources == 0 && c.Secret.IsZero():
		return errors.New("give a secret, a public key or a JWKS URL")
	}
	if !c.Secret.IsZero() {
		v.secret = []byte(c.Secret.Reveal())
		if len(v.secret) < minSecret {
			return fmt.Errorf("the secret has %d bytes; HS256 needs at least %d", len(v.secret), minSecret)
		}
		v.algs = append(v.algs, algHMAC)
	}
	if c.JWKS != "" {
		v.algs = append(v.algs, algRSA, algECDSA, algEd25519)
		var err error
		v.jwks, err = newJWKS(c.JWKS, cfg, log.With("app", v.app))
		return err
	}
	if sources == 0 {
		return nil
	}
	return v.takePublicKey(c)
}

func (v *verifier) takePublicKey(c Verification) error {
	text, from := []byte(c.PublicKey), "the public key"
	if c.PublicKeyFile != "" {
		var err error
		from = c.PublicKeyFile
		if text, err = os.ReadFile(c.PublicKeyFile); err != nil {
			return fmt.Errorf("read the public key: %w", err)
		}
	}
	key, err := parsePublicKey(text)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	alg, err := algOf(key)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	v.public, v.algs = key, append(v.algs, alg)
	return nil
}

// verify returns the caller whom the token names.
func (v *verifier) verify(ctx context.Context, token string, cfg TokensConfig) (*transports.Principal, *claims, error) {
	var c claims
	var used any
	parsed, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (key any, err error) {
		used, err = v.key(ctx, t)
		return used, err
	})
	if err != nil {
		return nil, nil, v.refusal(err, &c)
	}
	if c.app() != v.app {
		return nil, nil, transports.Unauthorizedf("the token's claim app can be read in two ways")
	}
	if err := c.lives(cfg); err != nil {
		return nil, nil, err
	}
	p := c.principal(v.app, cfg.Leeway)
	p.Signer = v.signedBy(parsed, used)
	return p, &c, nil
}

// key chooses the key by the algorithm that the token claims. The parser has
// checked that it is one of v.algs; the choice here is what keeps a public key
// from ever being taken for an HMAC secret.
func (v *verifier) key(ctx context.Context, token *jwt.Token) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		// RFC 7515 section 4.1.11: an extension that is not understood.
		return nil, transports.Unauthorizedf("the token's header has crit, and no such extension is understood here")
	}
	switch {
	case token.Method.Alg() == algHMAC:
		return v.secret, nil
	case v.jwks != nil:
		return v.jwks.keys.KeyfuncCtx(ctx)(token)
	default:
		return v.public, nil
	}
}

// allows tells whether the app's keys are good for the algorithm.
func (v *verifier) allows(alg string) bool {
	return slices.Contains(v.algs, alg)
}

// malformed is said of what is no token at all.
const malformed = "the token is no well-formed JWT"

// refusal says to the caller what is wrong with his token. What it takes from
// the claims is said only of tokens whose signature is good: the parser checks
// times after it.
func (v *verifier) refusal(err error, c *claims) error {
	e := transports.Unauthorizedf("the token cannot be verified")
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, jwkset.ErrKeyNotFound):
		e = transports.Unauthorizedf("the token names a key id that its app's issuer does not publish")
	case errors.Is(err, jwt.ErrTokenMalformed):
		e = transports.Unauthorizedf(malformed)
	case errors.Is(err, jwt.ErrTokenExpired):
		e = transports.Unauthorizedf("the token expired at %s", rfc3339(c.ExpiresAt))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		e = transports.Unauthorizedf("the token is not valid before %s", rfc3339(c.NotBefore))
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		e = transports.Unauthorizedf("the token says that it was issued at %s, which is in the future here", rfc3339(c.IssuedAt))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		e = transports.Unauthorizedf("the token lacks a claim: %s", v.missing(c))
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		e = transports.Unauthorizedf("the token's iss is not the one that its app accepts")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		e = transports.Unauthorizedf("the token's aud does not name this service")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		e = transports.Unauthorizedf("the token's signature does not match")
	}
	e.Cause = err
	return e
}

// missing names the claims that the app requires and that are not there.
func (v *verifier) missing(c *claims) string {
	var names []string
	if c.ExpiresAt == nil {
		names = append(names, "exp")
	}
	if v.issuer != "" && c.Issuer == "" {
		names = append(names, "iss")
	}
	if v.audience != "" && len(c.Audience) == 0 {
		names = append(names, "aud")
	}
	return strings.Join(names, ", ")
}

// parsePublicKey reads a public key or a certificate in PEM.
func parsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("there is no PEM block")
	}
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("this is a private key; it stays with the issuer, give its public half")
	default:
		return nil, fmt.Errorf("a PEM block %.32q is no public key", block.Type)
	}
}

// algOf returns the one algorithm that the public key is good for.
func algOf(key crypto.PublicKey) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return "", fmt.Errorf("the RSA key has %d bits; RS256 needs at least %d", k.N.BitLen(), minRSABits)
		}
		return algRSA, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("the ECDSA key is not on P-256, which ES256 needs")
		}
		return algECDSA, nil
	case ed25519.PublicKey:
		return algEd25519, nil
	default:
		return "", fmt.Errorf("a %T is for none of RS256, ES256 and EdDSA", key)
	}
}
