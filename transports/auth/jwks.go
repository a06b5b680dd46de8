package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// The bounds of a JWK Set document.
const (
	maxJWKS     = 1 << 20 // bytes
	maxJWKSKeys = 64      // a token without a key id is tried with each
	jwksTimeout = 10 * time.Second
)

// jwks are the public keys that an issuer publishes under a URL (RFC 7517
// section 5). It implements jwkset.Storage: the lookup of an unknown key id
// fetches the document once for all who wait, at most every cfg.RefetchAfter.
// Fetching is our own because jwkset's reads without a bound, refuses a whole
// set for one odd key, and turns away whoever comes while a fetch runs.
type jwks struct {
	*jwkset.MemoryJWKSet
	url     string
	cfg     TokensConfig
	log     *slog.Logger
	client  *http.Client
	keys    keyfunc.Keyfunc
	changed func() // called after a fetch that brought other keys

	mu      sync.Mutex
	running *fetch            // the fetch under way, or nil
	last    time.Time         // when the last fetch began
	digest  [sha256.Size]byte // of the last document; zero: none has come yet
	public  []crypto.PublicKey
}

// A fetch is one request for the document; done closes when it is over.
type fetch struct {
	done chan struct{}
	err  error
}

func newJWKS(address string, cfg TokensConfig, log *slog.Logger) (*jwks, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("JWKS URL: %w", err)
	}
	if err := safeURL(u); err != nil {
		return nil, err
	}
	j := &jwks{MemoryJWKSet: jwkset.NewMemoryStorage(), url: address, cfg: cfg, changed: func() {},
		log: log.With("url", u.Redacted())}
	j.client = &http.Client{Timeout: jwksTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("more than 3 redirects")
		}
		return safeURL(r.URL)
	}}
	j.keys, err = keyfunc.New(keyfunc.Options{Storage: j})
	return j, err
}

// safeURL refuses a URL whose answer somebody on the way could write: he could
// make tokens for every user.
func safeURL(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	if u.User != nil {
		return errors.New("a JWKS URL has no user name and no password: what it names is public, and it is shown")
	}
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && loopback {
		return nil
	}
	return errors.New("a JWKS URL begins with https:// (or http:// on loopback)")
}

// run keeps the keys fresh until ctx ends: every cfg.RefreshEvery, and after a
// failure sooner, with growing pauses.
func (j *jwks) run(ctx context.Context) {
	pause := j.cfg.RefetchAfter
	for {
		next := j.cfg.RefreshEvery
		if err := j.refresh(ctx); err != nil {
			next, pause = min(pause, next), 2*pause
		} else {
			pause = j.cfg.RefetchAfter
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// KeyRead returns the key with the id, fetched if it is not known.
func (j *jwks) KeyRead(ctx context.Context, id string) (jwkset.JWK, error) {
	key, err := j.MemoryJWKSet.KeyRead(ctx, id)
	if err == nil {
		return key, nil
	}
	if err := j.refetch(ctx); err != nil {
		return jwkset.JWK{}, err
	}
	return j.MemoryJWKSet.KeyRead(ctx, id)
}

// KeyReadAll returns all keys, for a token that names none.
func (j *jwks) KeyReadAll(ctx context.Context) ([]jwkset.JWK, error) {
	keys, err := j.MemoryJWKSet.KeyReadAll(ctx)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	if err := j.refetch(ctx); err != nil {
		return nil, err
	}
	return j.MemoryJWKSet.KeyReadAll(ctx)
}

// refetch fetches the document if that was not done just now. Its error is
// Unavailable: no document ever came, or ctx ended first, so that nobody can
// know whether the token is good. A fetch that fails later leaves the known
// keys in force.
func (j *jwks) refetch(ctx context.Context) error {
	j.mu.Lock()
	f, fresh := j.running, j.cfg.steady().Sub(j.last) < j.cfg.RefetchAfter
	if f == nil && !fresh {
		f = j.start()
	}
	j.mu.Unlock()
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return j.unavailable(ctx.Err())
		}
	}
	if j.known() {
		return nil
	}
	return j.unavailable(nil)
}

func (j *jwks) unavailable(cause error) error {
	return &actors.Error{Code: actors.Unavailable, RetryAfter: j.cfg.RefetchAfter,
		Detail: "the keys that verify this app's tokens could not be fetched yet", Cause: cause}
}

// refresh fetches the document, or waits for the fetch under way.
func (j *jwks) refresh(ctx context.Context) error {
	j.mu.Lock()
	f := j.running
	if f == nil {
		f = j.start()
	}
	j.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *jwks) known() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.digest != [sha256.Size]byte{}
}

// start begins a fetch. The caller holds mu. It has a context of its own:
// those who wait for it come and go, and a request's context must not be
// touched after its handler.
func (j *jwks) start() *fetch {
	f := &fetch{done: make(chan struct{})}
	j.running, j.last = f, j.cfg.steady()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), jwksTimeout)
		defer cancel()
		f.err = j.fetch(ctx)
		if f.err != nil {
			j.log.Warn("JWKS fetch failed", "error", f.err)
		}
		j.mu.Lock()
		j.running = nil
		j.mu.Unlock()
		close(f.done)
	}()
	return f
}

func (j *jwks) fetch(ctx context.Context) error {
	body, err := j.download(ctx)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	j.mu.Lock()
	same := digest == j.digest
	j.mu.Unlock()
	if same {
		return nil
	}
	keys, err := j.decode(body)
	if err != nil {
		return err
	}
	if err := j.KeyReplaceAll(ctx, keys); err != nil {
		return fmt.Errorf("keep the keys: %w", err)
	}
	public := make([]crypto.PublicKey, len(keys))
	for i, key := range keys {
		public[i] = publicOf(key.Key())
	}
	j.mu.Lock()
	j.digest, j.public = digest, public
	j.mu.Unlock()
	j.changed()
	j.log.Info("JWKS fetched", "keys", len(keys))
	return nil
}

func (j *jwks) download(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	w, err := j.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Body.Close() }()
	if w.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", w.Status)
	}
	body, err := io.ReadAll(io.LimitReader(w.Body, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(body) > maxJWKS {
		return nil, fmt.Errorf("the document has more than %d bytes", maxJWKS)
	}
	return body, nil
}

// decode returns the keys that can verify tokens here. Others are left out,
// as RFC 7517 section 5 asks; a document without any is an error, so that a
// broken endpoint does not take the good keys away.
func (j *jwks) decode(body []byte) ([]jwkset.JWK, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if len(set.Keys) > maxJWKSKeys {
		return nil, fmt.Errorf("the document has %d keys; at most %d are taken", len(set.Keys), maxJWKSKeys)
	}
	var keys []jwkset.JWK
	for i, raw := range set.Keys {
		key, err := verificationKey(raw)
		if err != nil {
			j.log.Debug("JWK left out", "index", i, "reason", err)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the document has no key for RS256, ES256 or EdDSA signatures")
	}
	return keys, nil
}

// verificationKey reads a JWK as a public key for signatures. Its private
// part, if somebody published it, is not read; a symmetric one is refused.
func verificationKey(raw json.RawMessage) (jwkset.JWK, error) {
	if err := jsontext.Check(raw, transports.MaxDepth); err != nil {
		return jwkset.JWK{}, err // RFC 7517 section 4: a name that stands twice
	}
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return jwkset.JWK{}, err
	}
	if m.USE != "" && m.USE != jwkset.UseSig {
		return jwkset.JWK{}, errors.New("its use is not sig")
	}
	key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, err
	}
	_, err = algOf(key.Key())
	return key, err
}
