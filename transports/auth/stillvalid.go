package auth

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"

	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
)

// StillValid tells whether a caller who was let in before is still let in, or else
// why its connections end. What is verified, then registered, is asked once more
// after it is registered, so that a revocation in between is found.
func (a *Auth) StillValid(p *transports.Principal) (why actors.End, ok bool) {
	rules := a.rules.Load()
	switch p.Kind {
	case transports.ServerKey:
		return actors.EndForbidden, a.keys.stillValid(p)
	case transports.UserToken:
		return actors.EndToken, rules.tokens.stillValid(p)
	case transports.PasswordUser:
		return actors.EndToken, rules.Logins != nil && rules.Logins.stillValid(p) && rules.tokens.revoked(p) == nil
	case transports.Anonymous:
		return 0, true // what lets them in needs a restart
	case transports.Developer:
		return actors.EndForbidden, rules.Dev
	}
	return actors.EndForbidden, false
}

// stillValid tells whether the key of a caller is still good.
func (k *Keys) stillValid(p *transports.Principal) bool {
	e := (*k.entries.Load())[p.ID[len(keyCaller):]]
	return e != nil && e.key.RevokedAt == nil
}

// stillValid tells whether the token of a caller is still good; that it has not
// expired is for its connection to watch.
func (t *Tokens) stillValid(p *transports.Principal) bool {
	v := t.apps[p.App]
	return v != nil && v.trusts(p.Signer) && t.revoked(p) == nil
}

// trusts tells whether tokens of the signer are still taken.
func (v *verifier) trusts(s transports.Signer) bool {
	switch {
	case v.secret != nil && s == v.signerOf(v.secret):
		return true
	case v.jwks != nil:
		return v.jwks.publishes(s, v.signerOf)
	}
	return v.public != nil && s == v.signerOf(v.public)
}

// signerOf returns the signer that a secret or a public key is.
func (v *verifier) signerOf(key any) transports.Signer {
	h := sha256.New()
	for _, s := range []string{v.issuer, v.audience} {
		_, _ = h.Write(append([]byte(s), 0)) // it never fails
	}
	if secret, ok := key.([]byte); ok {
		_, _ = h.Write(secret)
		return transports.Signer(h.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return transports.Signer{} // no key that verified a token
	}
	_, _ = h.Write(der)
	return transports.Signer(h.Sum(nil))
}

// signedBy returns the signer of a token that used verified. A token that names
// no key was tried with all of the issuer's.
func (v *verifier) signedBy(token *jwt.Token, used any) transports.Signer {
	set, ok := used.(jwt.VerificationKeySet)
	if !ok {
		return v.signerOf(used)
	}
	signed := token.Raw[:len(token.Raw)-1-signatureLen(token.Raw)]
	for _, key := range set.Keys {
		if token.Method.Verify(signed, token.Signature, key) == nil {
			return v.signerOf(key)
		}
	}
	return transports.Signer{}
}

// signatureLen returns the length of the last part of a compact JWS.
func signatureLen(raw string) int {
	n := 0
	for n < len(raw) && raw[len(raw)-1-n] != '.' {
		n++
	}
	return n
}

// publishes tells whether the issuer still publishes the key of a signer, as far
// as is known: until it was asked, nobody is sent away.
func (j *jwks) publishes(s transports.Signer, of func(any) transports.Signer) bool {
	j.mu.Lock()
	keys := j.public
	j.mu.Unlock()
	if keys == nil {
		return true
	}
	for _, key := range keys {
		if of(key) == s {
			return true
		}
	}
	return false
}

// publicOf returns the public keys of a set.
func publicOf(key any) crypto.PublicKey {
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		return private.Public()
	}
	return key
}
